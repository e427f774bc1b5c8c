//! Tokens that are almost ours (S4 of the reliability goals): every one is refused, none panics.

use super::*;
use crate::purpose::mac;
use jsonwebtoken::encode;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

const SECRET: &str = "a secret that only this test knows";
const NOW: i64 = 1_790_000_000;
const HEADER: &str = r#"{"typ":"at+jwt","alg":"HS256"}"#;

fn signer() -> JwtSigner {
    JwtSigner::new(SecretString::from(SECRET))
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn claims() -> TokenClaims {
    TokenClaims {
        user: "01980000-0000-7000-8000-000000000001".parse().expect("an id"),
        session: "01980000-0000-7000-8000-000000000002".parse().expect("an id"),
        issued_at: time(NOW),
        expires_at: time(NOW + 3600),
    }
}

fn payload() -> Value {
    json!({
        "iss": "maru", "aud": "maru",
        "sub": "01980000-0000-7000-8000-000000000001", "sid": "01980000-0000-7000-8000-000000000002",
        "iat": NOW, "exp": NOW + 3600,
    })
}

/// The good payload with one claim changed.
fn with(claim: &str, value: Value) -> String {
    let mut payload = payload();
    payload[claim] = value;
    payload.to_string()
}

fn without(claim: &str) -> String {
    let mut payload = payload();
    payload.as_object_mut().expect("an object").remove(claim);
    payload.to_string()
}

/// The good payload with `members` written after its own.
fn and(members: &str) -> String {
    payload().to_string().replace('}', &format!(",{members}}}"))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let letters = (0..=chunk.len()).map(|at| ALPHABET[(bits >> (18 - 6 * at) & 63) as usize]);
        text.extend(letters.map(char::from));
    }
    text
}

fn key() -> Vec<u8> {
    derive(&SecretString::from(SECRET), "maru session tokens v1").to_vec()
}

/// A token with a good signature, whatever it says.
fn forge(header: &str, payload: &str) -> String {
    forge_with(&key(), header, payload)
}

fn forge_with(key: &[u8], header: &str, payload: &str) -> String {
    let message = format!("{}.{}", base64(header.as_bytes()), base64(payload.as_bytes()));
    let signature = base64(&mac(key, message.as_bytes()));
    format!("{message}.{signature}")
}

/// The good token in its three parts.
fn parts() -> [String; 3] {
    let token = forge(HEADER, &payload().to_string());
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().expect("three parts")
}

/// The last letter of unpadded base64 has bits that mean nothing: one of them is set.
fn non_canonical(text: &str) -> String {
    let (rest, last) = text.split_at(text.len() - 1);
    let next = match last {
        "A" => "B".to_owned(),
        "9" => "-".to_owned(),
        other => char::from(other.as_bytes()[0] + 1).to_string(),
    };
    format!("{rest}{next}")
}

/// Another algorithm of the library, with its own good signature.
fn encoded_as(algorithm: Algorithm) -> String {
    let mut header = Header::new(algorithm);
    header.typ = Some(TYP.to_owned());
    encode(&header, &payload(), &EncodingKey::from_secret(&key())).expect("it signs")
}

fn algorithms() -> Vec<(String, String)> {
    let good = payload().to_string();
    let mut mutants = Vec::new();
    for alg in
        ["none", "None", "nOnE", "NONE", "", "hs256", "HS256 ", "RS256", "ES256", "PS256", "EdDSA", "HS384"]
    {
        let header = json!({"typ": TYP, "alg": alg}).to_string();
        let unsigned = format!("{}.{}.", base64(header.as_bytes()), base64(good.as_bytes()));
        mutants.push((format!("alg {alg:?} signed with HS256"), forge(&header, &good)));
        mutants.push((format!("alg {alg:?} without a signature"), unsigned));
    }
    mutants.push(("HS384, really".into(), encoded_as(Algorithm::HS384)));
    mutants.push(("HS512, really".into(), encoded_as(Algorithm::HS512)));
    for alg in [json!(null), json!(256), json!(["HS256"]), json!({})] {
        mutants.push((format!("alg {alg}"), forge(&json!({"typ": TYP, "alg": alg}).to_string(), &good)));
    }
    mutants.push(("no alg".into(), forge(r#"{"typ":"at+jwt"}"#, &good)));
    mutants
}

fn headers() -> Vec<(String, String)> {
    let good = payload().to_string();
    let mut mutants = Vec::new();
    let mut header =
        |name: &str, header: &str| mutants.push((format!("header {name}"), forge(header, &good)));
    header("without typ", r#"{"alg":"HS256"}"#);
    header("typ null", r#"{"typ":null,"alg":"HS256"}"#);
    for typ in ["JWT", "jwt", "AT+JWT", "application/at+jwt", "rt+jwt", "refresh", "at+jwt ", ""] {
        header(&format!("typ {typ:?}"), &json!({"typ": typ, "alg": "HS256"}).to_string());
    }
    let jwk = r#"{"kty":"oct","k":"AAAA","alg":"HS256"}"#;
    for extra in [
        r#""kid":"1""#,
        r#""kid":"../../dev/null""#,
        r#""kid":"' OR 1=1 --""#,
        r#""jku":"https://evil.example/k""#,
        r#""x5u":"https://evil.example/c""#,
        r#""x5c":["MIIB"]"#,
        r#""x5t":"AAAA""#,
        r#""x5t#S256":"AAAA""#,
        r#""crit":["exp"]"#,
        r#""cty":"JWT""#,
        r#""zip":"DEF""#,
        r#""enc":"A128GCM""#,
        r#""b64":false"#,
        r#""url":"/""#,
        r#""nonce":"1""#,
        r#""iss":"maru""#,
        r#""x":1"#,
        r#""alg":"HS256""#,
        r#""typ":"at+jwt""#,
        r#""alg":"none""#,
        &format!(r#""jwk":{jwk}"#),
    ] {
        header(extra, &HEADER.replace('}', &format!(",{extra}}}")));
    }
    header("nested deep", &HEADER.replace('}', &format!(r#","x":{}{}}}"#, "[".repeat(200), "]".repeat(200))));
    for text in ["", "null", "[]", "\"HS256\"", "{", "{}", "{}{}"] {
        header(text, text);
    }
    mutants
}

fn payloads() -> Vec<(String, String)> {
    let mut payloads = Vec::new();
    for claim in ["iss", "aud", "sub", "sid", "iat", "exp"] {
        payloads.push(without(claim));
        payloads.push(with(claim, json!(null)));
        payloads.push(with(claim, json!(true)));
        payloads.push(with(claim, json!({})));
        payloads.push(with(claim, json!([])));
        // Written twice, with the same value and with another.
        payloads.push(and(&format!("\"{claim}\":{}", payload()[claim])));
        payloads.push(and(&format!("\"{claim}\":1")));
    }
    for other in ["", "Maru", "maru ", "evil", "https://maru"] {
        payloads.extend([with("iss", json!(other)), with("aud", json!(other))]);
    }
    payloads.extend([
        with("iss", json!(["maru"])),
        with("aud", json!(["maru"])),
        with("aud", json!(["maru", "b"])),
    ]);
    for id in [json!(""), json!("1"), json!(1), json!("../1"), json!("01980000-0000-7000-8000-00000000000g")]
    {
        payloads.extend([with("sub", id.clone()), with("sid", id)]);
    }
    for exp in [
        json!(NOW - 60),
        json!(NOW - 61),
        json!(0),
        json!(-1),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e30),
        json!(-1e30),
        json!(NOW as f64 + 3600.5),
        json!(NOW as f64 + 3600.0),
        json!((NOW + 3600).to_string()),
        json!("never"),
        json!(253_402_300_800_i64),
    ] {
        payloads.push(with("exp", exp));
    }
    for iat in [json!(NOW + 61), json!(i64::MAX), json!(i64::MIN), json!(1e30), json!(NOW.to_string())] {
        payloads.push(with("iat", iat));
    }
    payloads.push(payload().to_string().replace(&format!("\"exp\":{}", NOW + 3600), "\"exp\":NaN"));
    payloads.push(payload().to_string().replace(&format!("\"exp\":{}", NOW + 3600), "\"exp\":1e400"));
    for extra in [
        format!("\"nbf\":{}", NOW + 3600),
        format!("\"nbf\":{NOW}"),
        "\"jti\":\"1\"".into(),
        "\"scope\":\"admin\"".into(),
        "\"Exp\":9999999999".into(),
        "\"\":0".into(),
        format!("\"x\":{}{}", "[".repeat(127), "]".repeat(127)),
        format!("\"x\":{}{}", "{\"a\":".repeat(190), "}".repeat(190)),
    ] {
        payloads.push(and(&extra));
    }
    for text in ["", "null", "{}", "[]", "1", "\"maru\"", "{\"exp\":", "\u{feff}{}", "{'iss':'maru'}"] {
        payloads.push(text.to_owned());
    }
    payloads.push(format!("{}x", payload()));
    payloads.push(format!("{}{}", payload(), payload()));
    payloads.into_iter().map(|payload| (format!("payload {payload}"), forge(HEADER, &payload))).collect()
}

fn shapes() -> Vec<(String, String)> {
    let [header, payload, signature] = parts();
    let good = format!("{header}.{payload}.{signature}");
    let text = self::payload().to_string();
    let other = base64(with("sub", json!("01980000-0000-7000-8000-000000000009")).as_bytes());
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let mut shapes = vec![
        ("empty", String::new()),
        ("dots", "..".into()),
        ("one part", header.clone()),
        ("two parts", format!("{header}.{payload}")),
        ("no signature", format!("{header}.{payload}.")),
        ("no payload", format!("{header}..{signature}")),
        ("no header", format!(".{payload}.{signature}")),
        ("four parts", format!("{good}.{signature}")),
        ("five parts", format!("{header}.{payload}.{header}.{payload}.{signature}")),
        ("another payload", format!("{header}.{other}.{signature}")),
        ("parts swapped", format!("{payload}.{header}.{signature}")),
        ("signature cut", good[..good.len() - 1].to_owned()),
        ("signature halved", good[..good.len() - 22].to_owned()),
        ("signature longer", format!("{good}AA")),
        ("signature flipped", format!("{header}.{payload}.{flipped}{}", &signature[1..])),
        ("signature of zeros", format!("{header}.{payload}.{}", base64(&[0; 32]))),
        ("signature non-canonical", format!("{header}.{payload}.{}", non_canonical(&signature))),
        ("header padded", format!("{header}=.{payload}.{signature}")),
        ("signature padded", format!("{good}=")),
        ("standard alphabet", good.replace('-', "+").replace('_', "/")),
        ("space before", format!(" {good}")),
        ("space after", format!("{good} ")),
        ("line feed after", format!("{good}\n")),
        ("space within", format!("{header}. {payload}.{signature}")),
        ("NUL after", format!("{good}\0")),
        ("NUL within", format!("{header}.\0{payload}.{signature}")),
        ("not ASCII", format!("{header}.{payload}.{signature}가")),
        ("quoted", format!("\"{good}\"")),
        ("with a scheme", format!("Bearer {good}")),
        ("upper case", good.to_uppercase()),
        (
            "JSON serialisation",
            json!({"payload": payload, "signatures": [{"signature": signature}]}).to_string(),
        ),
        ("16 KiB", forge(HEADER, &and(&format!("\"x\":\"{}\"", "a".repeat(16 * 1024))))),
        ("16 KiB of spaces", forge(HEADER, &format!("{text}{}", " ".repeat(12 * 1024)))),
        ("just over 2 KiB", forge(HEADER, &format!("{text}{}", " ".repeat(1_500)))),
        ("16 KiB of dots", ".".repeat(16 * 1024)),
        ("1 MiB of A", "A".repeat(1024 * 1024)),
        ("another secret", forge_with(&mac(b"another", b"secret"), HEADER, &text)),
        ("the secret itself as key", forge_with(SECRET.as_bytes(), HEADER, &text)),
        ("an empty key", forge_with(b"", HEADER, &text)),
        ("an API key", "maru_sk_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG".into()),
        ("a DRF token", "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b".into()),
    ];
    if !good.contains(['-', '_']) {
        shapes.retain(|(name, _)| *name != "standard alphabet");
    }
    shapes.into_iter().map(|(name, token)| (name.to_owned(), token)).collect()
}

#[test]
fn every_mutant_is_refused() {
    let signer = signer();
    let mutants = [algorithms(), headers(), payloads(), shapes()].concat();
    assert!(mutants.len() >= 200, "{} mutants", mutants.len());
    let good = forge(HEADER, &payload().to_string());
    for (name, token) in mutants {
        assert_ne!(token, good, "{name} is no mutant");
        assert_eq!(signer.verify(&token, time(NOW)), None, "accepted: {name}");
    }
}

/// Without this, the table above would prove nothing.
#[test]
fn the_forger_can_make_a_good_token() {
    let forged = forge(HEADER, &payload().to_string());
    assert_eq!(signer().verify(&forged, time(NOW)), Some(claims()));
    let spaced = forge(HEADER, &format!("{}{}", payload(), " ".repeat(500)));
    assert_eq!(signer().verify(&spaced, time(NOW)), Some(claims()));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let signer = signer();
    let token = signer.sign(&claims()).expose_secret().to_owned();
    for at in 0..token.len() {
        for bit in 0..7 {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let mutant = String::from_utf8(bytes).expect("still ASCII");
            assert_eq!(signer.verify(&mutant, time(NOW)), None, "bit {bit} of byte {at}");
        }
        assert_eq!(signer.verify(&token[..at], time(NOW)), None, "cut at {at}");
    }
}

#[test]
fn a_token_says_what_was_signed_and_always_the_same() {
    let signer = signer();
    let token = signer.sign(&claims());
    assert_eq!(signer.verify(token.expose_secret(), time(NOW)), Some(claims()));
    assert_eq!(signer.sign(&claims()).expose_secret(), token.expose_secret());
    let restarted = JwtSigner::new(SecretString::from(SECRET));
    assert_eq!(restarted.sign(&claims()).expose_secret(), token.expose_secret());
    assert!(token.expose_secret().len() < 400);
}

#[test]
fn only_the_given_time_counts() {
    let signer = signer();
    // Long past and far ahead of the machine's clock.
    for start in [1_000_000, 250_000_000_000] {
        let claims = TokenClaims { issued_at: time(start), expires_at: time(start + 100), ..claims() };
        let token = signer.sign(&claims);
        let good = |at: i64| signer.verify(token.expose_secret(), time(at)).is_some();
        assert!(!good(start - SKEW - 1), "signed in the future");
        assert!(good(start - SKEW));
        assert!(good(start + 100 + SKEW - 1));
        assert!(!good(start + 100 + SKEW), "over");
    }
}

#[test]
fn the_end_is_rounded_up() {
    let signer = signer();
    let end = "2026-11-21T10:00:00.000001Z".parse().expect("a time");
    let token = signer.sign(&TokenClaims { expires_at: end, ..claims() });
    let read = signer.verify(token.expose_secret(), time(NOW)).map(|claims| claims.expires_at);
    assert_eq!(read, "2026-11-21T10:00:01Z".parse().ok());
    let never = signer.sign(&TokenClaims { expires_at: Timestamp::MAX, ..claims() });
    assert!(signer.verify(never.expose_secret(), time(NOW)).is_some());
}

#[test]
fn debug_output_holds_no_secret() {
    assert_eq!(format!("{:?}", signer()), "JwtSigner { .. }");
    let token = signer().sign(&claims());
    assert!(!format!("{token:?}").contains("eyJ"));
}
