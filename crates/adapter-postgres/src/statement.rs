//! Statements whose text never changes. Saying so lets diesel prepare each of them once a connection and
//! take it from its cache afterwards; `diesel::sql_query` would be parsed and planned each time.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;

/// Makes a type of a statement. Its fields are the parameters `$1`, `$2`, ... in order; the arrow names
/// the columns that it gives back.
macro_rules! statement {
    ($(#[$doc:meta])* $name:ident<$life:lifetime> { $($field:ident: $rust:ty => $sql:ty),* $(,)? }
     -> $row:ty = $text:expr) => {
        $(#[$doc])*
        pub(crate) struct $name<$life> { $(pub $field: $rust),* }
        $crate::statement::statement!(@impl [$life] [$name<$life>] [$name<'static>] [$($field => $sql),*] $row, $text);
    };
    ($(#[$doc:meta])* $name:ident { $($field:ident: $rust:ty => $sql:ty),* $(,)? }
     -> $row:ty = $text:expr) => {
        $(#[$doc])*
        pub(crate) struct $name { $(pub $field: $rust),* }
        $crate::statement::statement!(@impl [] [$name] [$name] [$($field => $sql),*] $row, $text);
    };
    (@impl [$($life:lifetime)?] [$name:ty] [$always:ty] [$($field:ident => $sql:ty),*] $row:ty, $text:expr) => {
        impl<$($life)?> diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name {
            fn walk_ast<'walk>(
                &'walk self,
                mut out: diesel::query_builder::AstPass<'_, 'walk, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                out.push_sql($text);
                $(out.push_bind_param_value_only::<$sql, _>(&self.$field)?;)*
                Ok(())
            }
        }

        impl<$($life)?> diesel::query_builder::QueryId for $name {
            type QueryId = $always;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl<$($life)?> diesel::query_builder::Query for $name {
            type SqlType = $row;
        }
    };
}

/// The parameters of a statement that takes many rows: an array for each column.
pub(crate) trait Columns {
    /// In order.
    fn push_binds<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

/// Makes a type of a statement whose parameters are those of a type that has [`Columns`].
macro_rules! of_columns {
    ($(#[$doc:meta])* $name:ident<$life:lifetime>($columns:ty) -> $row:ty = $text:expr) => {
        $(#[$doc])*
        struct $name<$life>($columns);
        $crate::statement::of_columns!(@impl [$life] [$name<$life>] [$name<'static>] $row, $text);
    };
    ($(#[$doc:meta])* $name:ident($columns:ty) -> $row:ty = $text:expr) => {
        $(#[$doc])*
        struct $name($columns);
        $crate::statement::of_columns!(@impl [] [$name] [$name] $row, $text);
    };
    (@impl [$($life:lifetime)?] [$name:ty] [$always:ty] $row:ty, $text:expr) => {

        impl<$($life)?> diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name {
            fn walk_ast<'walk>(
                &'walk self,
                mut out: diesel::query_builder::AstPass<'_, 'walk, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                out.push_sql($text);
                $crate::statement::Columns::push_binds(&self.0, &mut out)
            }
        }

        impl<$($life)?> diesel::query_builder::QueryId for $name {
            type QueryId = $always;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl<$($life)?> diesel::query_builder::Query for $name {
            type SqlType = $row;
        }
    };
}

pub(crate) use {of_columns, statement};
