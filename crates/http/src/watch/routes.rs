//! The templates that requests are counted by. There is no end of paths, and few of these.

/// What is no route, or is answered before it is known which.
const UNKNOWN: &str = "(unknown)";

/// All of them. What is not in here is counted as unknown.
pub const TEMPLATES: &[&str] = &[
    UNKNOWN,
    "/api/register",
    "/api/token",
    "/api/logs",
    "/api/usage/daily",
    "/api/usage/top",
    "/api/usage/series",
    "/api/usage/endpoints",
    "/api/usage/stream",
    "/api/ws",
    "/api/stream-tickets",
    "/api/rate-limit",
    "/api/verify",
    "/api/verify/{path}",
    "/api/clients",
    "/api/clients/{clientId}",
    "/api/clients/{clientId}/keys",
    "/api/clients/{clientId}/keys/{keyId}",
    "/api/clients/{clientId}/rate-limit",
    "/api/cache/stats",
    "/api/cache/prewarm",
    "/api/audit",
    "/livez",
    "/readyz",
    "/health-check",
    "/metrics",
    "/api-docs",
    "/api-docs/openapi.json",
    "/api-docs/{file}",
    "/",
    "/app",
    "/app/{view}",
    "/assets/{file}",
];

/// A template, as routes carry it with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Route(usize);

impl Route {
    /// The route with this path.
    pub fn of(path: &str) -> Self {
        Self(TEMPLATES.iter().position(|template| *template == path).unwrap_or(0))
    }

    /// Its place among all.
    pub fn index(self) -> usize {
        self.0
    }

    /// Its template.
    pub fn template(self) -> &'static str {
        TEMPLATES[self.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_document_is_counted_by_itself() {
        let document = crate::app::document();
        for path in document["paths"].as_object().unwrap().keys() {
            assert_eq!(Route::of(path).template(), path, "add it to the list");
        }
        assert_eq!(Route::of("/nope"), Route::default());
    }
}
