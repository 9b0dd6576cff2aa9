//! Emails that an earlier program left in clear.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Canary, Store, as_admin, ask};
use crate::LONG;
use crate::support::{Node, until};

async fn email(node: &Node, id: &str) -> String {
    ask(node, &format!("/api/clients/{id}")).await["email"].as_str().unwrap().to_owned()
}

async fn status(node: &Node, method: Method, path: &str, body: serde_json::Value) -> StatusCode {
    as_admin(node.http.request(method, node.at(path))).json(&body).send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_seals_them_and_they_are_what_they_were() {
    for store in Store::each() {
        let mut node = store.node(&[]);
        node.start().await;
        let (ada, bob) = (node.register("ada", "client").await, node.register("bob", "client").await);
        node.stop().await;
        store.change(
            &node,
            &format!(
                "UPDATE client SET email = 'c4n4ry@mail.example', email_sealed = NULL, email_index = NULL \
                 WHERE no = (SELECT no FROM client_number WHERE id = '{}')",
                ada.id
            ),
        );
        let canary = [Canary::text("c4n4ry@mail.example")];
        assert!(!store.find(&node, &canary).is_empty(), "the search finds it");
        node.start().await;
        assert_eq!(email(&node, &ada.id).await, "c4n4ry@mail.example");
        assert_eq!(email(&node, &bob.id).await, "bob@example.org");
        until("no copy in clear", LONG, async || store.find(&node, &canary).is_empty().then_some(())).await;

        // Equal emails are known as equal, in whichever way they came to be sealed.
        for taken in ["C4N4RY@mail.example", "bob@example.org"] {
            let wish = json!({ "name": "eve", "email": taken });
            assert_eq!(status(&node, Method::POST, "/api/register", wish).await, StatusCode::CONFLICT);
        }
        let path = format!("/api/clients/{}", bob.id);
        let change = json!({ "email": "c4n4ry@mail.example" });
        assert_eq!(status(&node, Method::PATCH, &path, change).await, StatusCode::CONFLICT);
        let own = json!({ "email": "bob@example.org", "name": "Bob" });
        assert_eq!(status(&node, Method::PATCH, &path, own).await, StatusCode::OK);
        assert_eq!(email(&node, &bob.id).await, "bob@example.org");
        node.stop().await;
    }
}
