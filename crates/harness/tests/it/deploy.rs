//! What lies in `deploy/` and cannot be run here is at least read: by maru itself, by HAProxy, by systemd,
//! and by the rules of their formats. The balancer's configuration is run in `faults::rolling`.

use crate::support::{BINARY, maru_with};
use maru_testkit::throwaway::{Balancer, sqlite_dir};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use yaml_rust2::{Yaml, YamlLoader};

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_owned()
}

fn yaml(name: &str) -> Yaml {
    let mut documents =
        YamlLoader::load_from_str(&file(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

fn keys(yaml: &Yaml) -> Vec<String> {
    let keys = yaml.as_hash().into_iter().flat_map(|hash| hash.keys());
    keys.map(|key| key.as_str().expect("a name").to_owned()).collect()
}

/// The strings of a list, or of a map the keys.
fn names(yaml: &Yaml) -> Vec<String> {
    match yaml.as_vec() {
        Some(list) => list.iter().map(|name| name.as_str().expect("a name").to_owned()).collect(),
        None => keys(yaml),
    }
}

/// `${NAME:-default}` becomes the default, `${NAME:?why}` a value that a person would give.
fn filled_in(text: &str) -> String {
    let mut pieces = text.split("${");
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (variable, rest) = piece.split_once('}').expect("a closed variable");
        match variable.split_once(":-") {
            Some((_, default)) => filled += default,
            None => {
                let (name, why) = variable.split_once(":?").expect("a default, or a reason to ask");
                assert!(!why.is_empty(), "{name}");
                filled += "0123456789abcdef0123456789abcdef";
            }
        }
        filled += rest;
    }
    filled
}

/// maru takes these variables for its settings.
fn understood(file: &str, env: &BTreeMap<String, String>) {
    let dir = sqlite_dir();
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let ran = maru_with(dir.path(), &["config"], "", &env);
    assert_eq!(ran.code, Some(0), "{file}: {ran}");
}

#[test]
fn compose_files_name_what_there_is() {
    for (name, instances) in [("deploy/compose.yaml", 1), ("deploy/compose.scale.yaml", 2)] {
        let compose = yaml(name);
        let (services, known) = (keys(&compose["services"]), |part: &str| keys(&compose[part]));
        let mut ours = 0;
        for service in &services {
            let its = &compose["services"][service.as_str()];
            assert!(its["image"].as_str().is_some(), "{name}: {service} has an image");
            for needed in names(&its["depends_on"]) {
                assert!(services.contains(&needed), "{name}: {service} needs {needed}");
            }
            for network in names(&its["networks"]) {
                assert!(known("networks").contains(&network), "{name}: {service} is in {network}");
            }
            for volume in names(&its["volumes"]) {
                let (from, to) = volume.split_once(':').expect("from and to");
                match from.strip_prefix("./") {
                    Some(path) => assert!(root().join("deploy").join(path).exists(), "{name}: {volume}"),
                    None => assert!(known("volumes").contains(&from.to_owned()), "{name}: {volume}"),
                }
                assert!(to.starts_with('/'), "{name}: {volume}");
            }
            if its["image"].as_str() != Some("maru") {
                continue;
            }
            ours += 1;
            let built = its["build"]["dockerfile"].as_str().expect("a Dockerfile");
            assert!(
                root()
                    .join("deploy")
                    .join(its["build"]["context"].as_str().expect("a context"))
                    .join(built)
                    .exists()
            );
            let env = its["environment"].as_hash().expect("settings").iter();
            let env = env.map(|(name, value)| {
                (name.as_str().expect("a name").to_owned(), filled_in(value.as_str().expect("text")))
            });
            understood(name, &env.filter(|(_, value)| !value.is_empty()).collect());
        }
        assert_eq!(ours, instances, "{name}");
    }
}

#[test]
fn the_balancer_of_the_compose_file_finds_its_instances() {
    let configuration = file("deploy/haproxy.cfg");
    let compose = yaml("deploy/compose.scale.yaml");
    let services = keys(&compose["services"]);
    let servers = configuration.lines().filter_map(|line| line.trim().strip_prefix("server "));
    let mut found = 0;
    for server in servers {
        let place = server.split(' ').nth(1).expect("an address");
        let (host, port) = place.split_once(':').expect("a port");
        assert!(services.contains(&host.to_owned()) && port == "8080", "{server}");
        found += 1;
    }
    assert_eq!(found, 4);
    // Its address is the one that maru believes.
    let balancer = &compose["services"]["balancer"]["networks"]["inside"]["ipv4_address"];
    let believed = &compose["services"]["maru-a"]["environment"]["MARU__SERVER__TRUSTED_PROXIES"];
    assert_eq!(balancer, believed);
    let here = configuration.replace("maru-a:", "127.0.0.1:").replace("maru-b:", "127.0.0.2:");
    assert_eq!(Balancer::objections(&here).expect("HAProxy"), None);
    let wrong = here.replace("balance leastconn", "balance liestconn");
    assert!(Balancer::objections(&wrong).expect("HAProxy").is_some(), "it would object");
}

#[test]
fn the_image_is_small_unprivileged_and_looked_after() {
    const KNOWN: [&str; 12] = [
        "FROM",
        "RUN",
        "COPY",
        "WORKDIR",
        "VOLUME",
        "ENV",
        "EXPOSE",
        "USER",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
        "ARG",
    ];
    let text = file("deploy/Dockerfile").replace("\\\n", " ");
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    for line in &lines {
        let word = line.split(' ').next().unwrap_or_default();
        assert!(KNOWN.contains(&word), "{line}");
        // The exec form: there is no shell to take it apart.
        if matches!(word, "ENTRYPOINT" | "CMD" | "HEALTHCHECK") {
            let list = line.split_once('[').map(|(_, list)| format!("[{list}"));
            let list: Vec<String> = serde_json::from_str(&list.expect("a list")).expect("a JSON list");
            assert!(!list.is_empty(), "{line}");
        }
    }
    let last = lines.iter().rposition(|line| line.starts_with("FROM ")).expect("a stage");
    let stage = &lines[last..];
    assert!(last > 0 && stage[0].contains("distroless") && stage[0].contains("nonroot"), "{}", stage[0]);
    assert!(stage.contains(&"USER nonroot"));
    let health = stage.iter().find(|line| line.starts_with("HEALTHCHECK ")).expect("a health check");
    assert!(health.contains(r#"["/usr/local/bin/maru", "health"]"#), "{health}");
    let set = stage.iter().filter_map(|line| line.strip_prefix("ENV ")).flat_map(str::split_whitespace);
    let set = set.map(|pair| pair.split_once('=').expect("name=value"));
    understood("deploy/Dockerfile", &set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
    // What is copied whole leaves out what must not be in it.
    let left_out = file(".dockerignore");
    for path in ["/target", "/data", "/.git", "/maru.toml"] {
        assert!(left_out.lines().any(|line| line == path), "{path}");
    }
}

#[test]
fn the_unit_is_understood() {
    let unit = file("deploy/maru.service");
    let set = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    let set = set.map(|pair| pair.split_once('=').expect("name=value"));
    understood(
        "deploy/maru.service",
        &set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    );
    let user = unit.lines().find_map(|line| line.strip_prefix("User=")).expect("a user");
    assert!(file("deploy/maru.sysusers.conf").contains(&format!("u {user} - ")));
    // The rest is systemd's to say, where there is one.
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return;
    }
    let dir = sqlite_dir();
    let here = dir.path().join("maru.service");
    assert_eq!(unit.matches("/usr/local/bin/maru").count(), 1);
    std::fs::write(&here, unit.replace("/usr/local/bin/maru", BINARY)).expect("a file");
    let said = Command::new("systemd-analyze").arg("verify").arg(&here).output().expect("systemd-analyze");
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.contains("maru.service"), "{said}");
}
