//! Names of fields, headers and parameters whose value is a secret.
//!
//! Names are compared without regard to case and separators: `client_secret`, `Client-Secret` and
//! `clientSecret` are one. Short words count as whole words only, or `pin` would be in `shipping`.

/// Wherever they stand in a name.
const ANYWHERE: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "authorization",
    "apikey",
    "privatekey",
    "accesskey",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "sharedkey",
    "subscriptionkey",
    "functionskey",
    "credential",
    "cardnumber",
    "cardno",
    "cardnum",
    "ccnumber",
    "ccnum",
    "creditcard",
    "debitcard",
    "accountnumber",
    "socialsecurity",
    "sessionid",
    "sessid",
    "sessionkey",
    "securitycode",
    "verificationcode",
    "codeverifier",
    "passcode",
    "sshkey",
    "samlresponse",
];

/// Whole words of a name.
const WORDS: &[&str] = &[
    "token",
    "pwd",
    "pin",
    "otp",
    "totp",
    "mfa",
    "bearer",
    "mnemonic",
    "cvv",
    "cvv2",
    "cvc",
    "cvc2",
    "iban",
    "ssn",
    "csrf",
    "xsrf",
    "jwt",
    "cookie",
    "cookies",
    "signature",
    "pw",
    "assertion",
];

/// Whole words that count at the end of a name: what follows them is something about them.
const LAST: &[&str] = &["tokens", "session", "auth", "pass", "sid", "sig"];

/// What makes a `key` behind it a secret one.
const OF_KEY: &[&str] =
    &["auth", "account", "app", "application", "consumer", "license", "recovery", "backup"];

/// What makes a `code`, or several, behind it secret ones.
const OF_CODE: &[&str] = &["auth", "recovery", "backup", "sms", "time"];

/// A name that ends so tells something about a secret, and not the secret.
const HARMLESS_LAST: &[&str] = &[
    "count",
    "counts",
    "type",
    "limit",
    "limits",
    "length",
    "size",
    "at",
    "in",
    "expiry",
    "expires",
    "policy",
    "used",
    "usage",
    "total",
    "remaining",
    "url",
    "uri",
    "endpoint",
    "name",
    "enabled",
    "required",
    "valid",
    "consent",
    "banner",
    "duration",
    "attempts",
    "strength",
];

/// The same for names that begin so.
const HARMLESS_FIRST: &[&str] = &["max", "min", "num", "total", "count", "has", "is"];

/// No word above is shorter; most names in a text that is no text are.
const SHORTEST: usize = 2;
/// Of a longer name, the end counts.
const LONGEST: usize = 128;

/// Whether what goes by this name is a secret.
pub fn is_sensitive(name: &str) -> bool {
    if name.len() < SHORTEST {
        return false;
    }
    let words = words(&name[name.ceil_char_boundary(name.len().saturating_sub(LONGEST))..]);
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return false };
    let is_about = words.len() > 1
        && (HARMLESS_LAST.contains(&last.as_str()) || HARMLESS_FIRST.contains(&first.as_str()));
    let whole = words.concat();
    // One word in lower case may be two, such as `accesstoken`.
    let is_secret = ANYWHERE.iter().any(|part| whole.contains(part)) && !whole.contains("secretar")
        || words.iter().any(|word| WORDS.contains(&word.as_str()))
        || LAST.contains(&last.as_str())
        || last.ends_with("token")
        || words.windows(2).any(|pair| is_secret_pair(&pair[0], &pair[1]))
        // In one word.
        || is_split(last);
    is_secret && !is_about
}

fn is_secret_pair(before: &str, word: &str) -> bool {
    match word {
        "key" | "keys" => OF_KEY.contains(&before),
        "code" | "codes" => OF_CODE.contains(&before),
        _ => false,
    }
}

/// Whether it is such a pair written as one word, as in `authkey`. `timecode` is another thing.
fn is_split(word: &str) -> bool {
    let pair = ["key", "keys", "code", "codes"].iter().find_map(|end| Some((word.strip_suffix(end)?, *end)));
    pair.is_some_and(|(before, end)| before != "time" && is_secret_pair(before, end))
}

/// Whether numbers under this name are counts: `prompt_tokens` is one, `pin` is none.
pub fn is_count(name: &str) -> bool {
    words(name).last().is_some_and(|last| last == "tokens")
}

/// The words of a name in lower case: borders are separators and capitals, as in `xApiKey` and `APIKey`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut chars = name.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let is_border = c.is_uppercase()
            && (before.is_lowercase()
                || before.is_ascii_digit()
                || (before.is_uppercase() && chars.peek().is_some_and(|next| next.is_lowercase())));
        if is_border || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_in_every_spelling() {
        let names = "Authorization proxy-authorization PROXY_AUTHORIZATION Cookie Set-Cookie set_cookie X-API-Key \
             api_key apikey apiKey APIKey x.api.key password Passwd pwd userPassword new_password2 \
             password_confirmation user[password] passwordHash secret client_secret clientSecret SECRET_KEY \
             token access_token accessToken accesstoken refresh-token idToken x-auth-token X-CSRF-Token \
             csrfmiddlewaretoken _csrf xsrf private_key privateKeyPem session sessionId PHPSESSID JSESSIONID \
             connect.sid card_number cardNumber creditCard cvv CVC cardCvc iban debtorIBAN ssn pin cardPin \
             pin_code otp totp_code jwt AWS_SECRET_ACCESS_KEY X-Amz-Security-Token X-Amz-Signature auth pass \
             db_pass credentials tokens aws-secretAccessKey X-Auth-Key auth_key authKey AccountKey \
             consumer_key app_key appkey DD-APPLICATION-KEY license_key license_keys pw db_pw SAMLResponse \
             saml_response assertion client_assertion recovery_code backup_codes backupCode backupcodes auth_code \
             one_time_code oneTimeCode sms_code recovery_key";
        for name in names.split_whitespace() {
            assert!(is_sensitive(name), "{name}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        let names = "tokenCount token_type maxTokens max_tokens total_tokens_used tokenExpiresIn tokens_used \
             description shipping shippingAddress spinner opinion company author authority \
             authentication_type secretary assessment sessionCount session_duration passwordLength \
             password_changed_at hasPassword is_password_set tokenizer passenger compass_heading key keyboard \
             monkey panel expand scooter cardholder cardBrand www-authenticate cookieConsent token_url \
             secretName name id signatures status_code statusCode error_code country_code zip_code timecode \
             source_code key_code primary_key sort_key object_key monkey_account account_id app_name backup_at \
             keyboard_backup auth_code_count app_key_name client_assertion_type password_code_length ---";
        for name in names.split_whitespace() {
            assert!(!is_sensitive(name), "{name}");
        }
        assert!(!is_sensitive("") && is_sensitive(&format!("{}_password", "é".repeat(100))));
    }

    #[test]
    fn counts_of_tokens_are_numbers_that_may_stay() {
        assert!(is_count("prompt_tokens") && is_count("tokens"));
        assert!(!is_count("token") && !is_count("pin"));
    }
}
