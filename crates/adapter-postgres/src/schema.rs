//! The tables as diesel knows them; `migrations/postgres` is where they are made and explained.

#![allow(missing_docs, reason = "the migrations explain tables and columns")]

diesel::table! {
    client_number (no) {
        no -> BigInt,
        id -> Text,
    }
}

diesel::table! {
    client (no) {
        no -> BigInt,
        name -> Text,
        email -> Nullable<Text>,
        role -> Text,
        rate_limit -> BigInt,
        is_active -> Bool,
        created_at -> BigInt,
        last_access_at -> Nullable<BigInt>,
        email_sealed -> Nullable<Binary>,
        email_index -> Nullable<Binary>,
    }
}

diesel::table! {
    index_key (name) {
        name -> Text,
        sealed -> Binary,
    }
}

diesel::table! {
    client_limit (client, position) {
        client -> BigInt,
        position -> Integer,
        name -> Text,
        rate_limit -> BigInt,
        seconds -> BigInt,
        endpoint -> Nullable<Text>,
        is_shadow -> Bool,
    }
}

diesel::table! {
    api_key (id) {
        id -> Text,
        client -> BigInt,
        digest -> Binary,
        created_at -> BigInt,
        last_used_at -> Nullable<BigInt>,
        expires_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    auth_change (version) {
        version -> BigInt,
        client -> Binary,
        at -> BigInt,
    }
}

diesel::table! {
    auth_version (one) {
        one -> SmallInt,
        version -> BigInt,
    }
}

diesel::table! {
    usage_delta (seq) {
        seq -> BigInt,
        first_minute -> BigInt,
        last_minute -> BigInt,
        entries -> BigInt,
        increments -> Binary,
    }
}

diesel::table! {
    usage_block (minutes, start, client) {
        minutes -> Integer,
        start -> BigInt,
        client -> BigInt,
        requests -> BigInt,
        errors -> BigInt,
        timed -> BigInt,
        micros -> BigInt,
        last_seen -> BigInt,
        quantiles -> Nullable<BigInt>,
        parts -> Binary,
        cells -> Binary,
    }
}

diesel::table! {
    usage_page (minutes, start, page) {
        minutes -> Integer,
        start -> BigInt,
        page -> BigInt,
        requests -> BigInt,
        sums -> Binary,
    }
}

diesel::table! {
    endpoint (no) {
        no -> BigInt,
        path -> Text,
    }
}

diesel::table! {
    endpoint_block (minutes, client, start, endpoint, verb) {
        minutes -> Integer,
        start -> BigInt,
        client -> BigInt,
        endpoint -> BigInt,
        verb -> SmallInt,
        requests -> BigInt,
        errors -> BigInt,
        timed -> BigInt,
        micros -> BigInt,
        sketch -> Binary,
    }
}

diesel::table! {
    retention_floor (one) {
        one -> SmallInt,
        at -> BigInt,
    }
}

diesel::table! {
    cursor (stream) {
        stream -> Uuid,
        next -> BigInt,
    }
}

diesel::table! {
    set_aside (no) {
        no -> BigInt,
        stream -> Uuid,
        payload -> Binary,
        reason -> Text,
        client -> Nullable<BigInt>,
    }
}

diesel::table! {
    act (no) {
        no -> BigInt,
        at -> BigInt,
        actor -> Text,
        request -> Nullable<Text>,
        action -> Text,
        target -> Nullable<Text>,
        differences -> Text,
    }
}

diesel::table! {
    used_ticket (id) {
        id -> Uuid,
        until -> BigInt,
    }
}

diesel::table! {
    tombstone (no) {
        no -> BigInt,
        client -> Binary,
        at -> BigInt,
    }
}

diesel::table! {
    erasing (client) {
        client -> BigInt,
        day -> BigInt,
        delta -> BigInt,
    }
}

diesel::joinable!(client -> client_number (no));
diesel::joinable!(api_key -> client (client));
diesel::joinable!(endpoint_block -> endpoint (endpoint));
diesel::allow_tables_to_appear_in_same_query!(client_number, client, api_key);
diesel::allow_tables_to_appear_in_same_query!(endpoint_block, endpoint);
