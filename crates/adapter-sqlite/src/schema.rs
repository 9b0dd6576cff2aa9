//! The tables as diesel knows them; `migrations/sqlite` is where they are made and explained.

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
        position -> BigInt,
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
    activity (at, client, id) {
        at -> BigInt,
        client -> BigInt,
        id -> Binary,
        endpoint -> Text,
        method -> Text,
        status -> Integer,
        response_time -> Nullable<BigInt>,
        ip -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        request_bytes -> Nullable<BigInt>,
        response_bytes -> Nullable<BigInt>,
        error_message -> Nullable<Text>,
        metadata -> Nullable<Text>,
    }
}

diesel::table! {
    activity_body (at, client, id) {
        at -> BigInt,
        client -> BigInt,
        id -> Binary,
        audit -> Binary,
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
        minutes -> BigInt,
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
        minutes -> BigInt,
        start -> BigInt,
        page -> BigInt,
        summaries -> Binary,
    }
}

diesel::table! {
    endpoint (no) {
        no -> BigInt,
        path -> Text,
    }
}

diesel::table! {
    endpoint_block (minutes, start, client, endpoint, verb) {
        minutes -> BigInt,
        start -> BigInt,
        client -> BigInt,
        endpoint -> BigInt,
        verb -> BigInt,
        requests -> BigInt,
        errors -> BigInt,
        timed -> BigInt,
        micros -> BigInt,
        sketch -> Binary,
    }
}

diesel::table! {
    retention_floor (one) {
        one -> BigInt,
        at -> BigInt,
    }
}

diesel::table! {
    recount (at) {
        at -> BigInt,
        client -> BigInt,
        id -> Binary,
    }
}

diesel::table! {
    cursor (stream) {
        stream -> Binary,
        next -> BigInt,
    }
}

diesel::table! {
    set_aside (no) {
        no -> BigInt,
        stream -> Binary,
        payload -> Binary,
        reason -> Text,
        client -> Nullable<BigInt>,
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
        id -> Binary,
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
        at -> BigInt,
        page -> BigInt,
        delta -> BigInt,
        is_unnamed -> Bool,
    }
}

diesel::joinable!(client -> client_number (no));
diesel::joinable!(api_key -> client (client));
diesel::joinable!(endpoint_block -> endpoint (endpoint));
diesel::allow_tables_to_appear_in_same_query!(client_number, client, api_key);
diesel::allow_tables_to_appear_in_same_query!(endpoint_block, endpoint);
