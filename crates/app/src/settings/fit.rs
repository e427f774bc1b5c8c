//! Fitting what was given into the shape that the defaults have, so that everything wrong is told at once and each
//! mistake once.

use config::{Map, Value, ValueKind};
use serde::de::DeserializeOwned;

/// Where the names are the operator's own.
const FREE: &str = "llm.providers";

/// What was given, in the shape of the defaults: whatever does not fit is told and left out, and what is left out has
/// its default, so that the rest can still be looked at.
pub fn fit(default: &Value, given: &Value, path: &str, wrong: &mut Vec<String>) -> Value {
    match (&default.kind, &given.kind) {
        (ValueKind::Table(_), ValueKind::Table(providers)) if path == FREE => {
            let is_section = |value: &Value| matches!(value.kind, ValueKind::Table(_));
            let (good, bad): (Vec<_>, Vec<_>) = providers.iter().partition(|(_, value)| is_section(value));
            wrong.extend(bad.iter().map(|(name, _)| {
                format!("{path}.{name}: is a section and has no value of its own; set {path}.{name}.base_url")
            }));
            let good = good.into_iter().map(|(name, value)| (name.clone(), value.clone()));
            Value::new(None, ValueKind::Table(good.collect()))
        }
        (ValueKind::Table(known), ValueKind::Table(given)) => {
            for (key, value) in given.iter().filter(|(key, _)| !known.contains_key(*key)) {
                wrong.extend(
                    leaves(value, &join(path, key)).into_iter().map(|key| unknown(&key, path, known)),
                );
            }
            let fitted = known.iter().map(|(key, default)| {
                let value = given.get(key).unwrap_or(default);
                (key.clone(), fit(default, value, &join(path, key), wrong))
            });
            Value::new(None, ValueKind::Table(fitted.collect()))
        }
        (ValueKind::Table(known), _) => {
            wrong.push(format!("{path}: is a section and has no value of its own{}", holds(path, known)));
            default.clone()
        }
        (_, ValueKind::Table(_)) => {
            wrong.push(format!("{path}: is one value, not a section"));
            default.clone()
        }
        _ => given.clone(),
    }
}

/// One section; what is wrong with it goes to `wrong`, with the key's whole name. A wrong value has its default from
/// then on, because serde stops at the first and the next must be told too.
pub fn section<T: DeserializeOwned>(
    defaults: &Value,
    fitted: &Value,
    name: &str,
    wrong: &mut Vec<String>,
) -> Option<T> {
    let mut value = child(fitted, name)?.clone();
    let default = child(defaults, name)?;
    loop {
        let error = match serde_path_to_error::deserialize(value.clone()) {
            Ok(section) => return Some(section),
            Err(error) => error,
        };
        let path = error.path().to_string();
        // The key is told with its whole name; the library's shorter one beside it is noise.
        let mut text = error.inner().to_string();
        for key in [path.as_str(), path.rsplit('.').next().unwrap_or_default()] {
            text = text.replace(&format!(" for key `{key}`"), "");
        }
        wrong.push(format!("{name}.{path}: {text}"));
        if !put_right(&mut value, default, &path) {
            return None;
        }
    }
}

/// Takes the default instead of the value at a path. A provider has none, so all of it goes. False when nothing changes.
fn put_right(value: &mut Value, default: &Value, path: &str) -> bool {
    let mut keys = path.split('.');
    let (Some(key), ValueKind::Table(table)) = (keys.next(), &mut value.kind) else { return false };
    match (child(default, key).map(|default| &default.kind), table.get_mut(key), keys.next()) {
        (Some(ValueKind::Table(_)), Some(Value { kind: ValueKind::Table(free), .. }), Some(name)) => {
            free.remove(name).is_some()
        }
        (Some(default), Some(here), _) if here.kind != *default => {
            here.kind = default.clone();
            true
        }
        _ => false,
    }
}

fn child<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match &value.kind {
        ValueKind::Table(table) => table.get(key),
        _ => None,
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn leaves(value: &Value, path: &str) -> Vec<String> {
    match &value.kind {
        ValueKind::Table(table) if !table.is_empty() => {
            table.iter().flat_map(|(key, value)| leaves(value, &join(path, key))).collect()
        }
        _ => vec![path.to_owned()],
    }
}

fn unknown(key: &str, path: &str, known: &Map<String, Value>) -> String {
    format!("{key}: there is no such setting{}", holds(path, known))
}

/// What there is instead.
fn holds(path: &str, known: &Map<String, Value>) -> String {
    let mut names: Vec<&str> = known.keys().map(String::as_str).collect();
    names.sort_unstable();
    match (path, names.join(", ")) {
        ("", names) => format!("; the sections are {names}"),
        (_, names) if names.is_empty() => String::new(),
        (path, names) => format!("; [{path}] has {names}"),
    }
}
