//! The invariants of ARCHITECTURE.md, held against the dependency graph.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Floor of every crate of the workspace. A crate that is not listed here fails the test, so a new one has to be placed.
const FLOORS: &[(&str, u8)] = &[
    ("warifu-keys", 0),
    ("warifu-w3c", 0),
    ("warifu-store", 0),
    ("warifu-server", 0),
    ("warifu-models", 0),
    ("warifu-schemas", 0),
    ("warifu-credential", 1),
    ("warifu-trust", 1),
    ("warifu-openid4vc", 2),
    ("warifu-session", 2),
    ("warifu-issuer", 3),
    ("warifu-wallet", 3),
    ("warifu-verifier", 3),
    ("warifu-trust-registry", 3),
    ("warifu-cli", 4),
    ("warifu-vectors", 5),
    ("warifu-tests", 5),
];

/// Crates that only the named ones may depend on directly; a dash at the end stands for every name that begins so.
const ONLY: &[(&str, &[&str])] = &[
    ("p256", &["warifu-keys"]),
    ("p384", &["warifu-keys"]),
    ("p521", &["warifu-keys"]),
    ("ed25519-dalek", &["warifu-keys"]),
    ("x509-cert", &["warifu-keys"]),
    ("coset", &["warifu-keys"]),
    ("ciborium", &["warifu-keys"]),
    ("josekit", &["warifu-tests"]),
    ("aws-lc-rs", &["warifu-keys"]),
    ("ssi", &["warifu-w3c"]),
    ("ssi-", &["warifu-w3c"]),
    ("did-", &["warifu-w3c"]),
    ("json-ld", &["warifu-w3c"]),
    ("cryptoki", &["warifu-keys"]),
    ("bs58", &["warifu-w3c"]),
    ("redb", &["warifu-store"]),
    ("sled", &["warifu-store"]),
    ("ct-merkle", &["warifu-store"]),
    ("tract-onnx", &["warifu-models"]),
    ("reqwest", &["warifu-server"]),
    ("getrandom", &["warifu-server"]),
    (
        "axum",
        &[
            "warifu-server",
            "warifu-issuer",
            "warifu-wallet",
            "warifu-verifier",
            "warifu-trust-registry",
            "warifu-cli",
            "warifu-tests",
        ],
    ),
    ("anyhow", &["warifu-cli", "warifu-tests"]),
];

/// What will run inside a browser, and what must therefore never appear below it.
const PORTABLE: &[&str] =
    &["warifu-keys", "warifu-credential", "warifu-openid4vc", "warifu-trust", "warifu-session", "warifu-models"];
const NOT_PORTABLE: &[&str] = &[
    "openssl-sys",
    "aws-lc-sys",
    "cryptoki-sys",
    "ring",
    "redb",
    "sled",
    "tokio",
    "reqwest",
    "axum",
    "mio",
    "socket2",
];

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).exec().unwrap()
}

/// Direct dependencies of every workspace crate that end up in what it builds (not those of its tests).
fn direct(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let names =
                package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development).map(|d| d.name.clone());
            (package.name.to_string(), names.collect())
        })
        .collect()
}

#[test]
fn every_crate_stands_on_its_floor() {
    let floors: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    let direct = direct(&metadata());
    assert_eq!(direct.keys().map(String::as_str).collect::<BTreeSet<_>>(), floors.keys().copied().collect());
    for (name, dependencies) in &direct {
        let own = floors[name.as_str()];
        for dependency in dependencies {
            let Some(&below) = floors.get(dependency.as_str()) else { continue };
            let allowed = below < own || (below == own && own < 3);
            assert!(allowed, "{name} (floor {own}) may not depend on {dependency} (floor {below})");
        }
    }
}

#[test]
fn each_outside_world_has_one_door() {
    for (name, dependencies) in &direct(&metadata()) {
        for (guarded, allowed) in ONLY {
            let family = |dependency: &String| guarded.ends_with('-') && dependency.starts_with(guarded);
            if dependencies.contains(*guarded) || dependencies.iter().any(family) {
                assert!(allowed.contains(&name.as_str()), "{name} may not name {guarded}; only {allowed:?} may");
            }
        }
    }
}

/// Names of everything that `package` alone builds with these cargo arguments, itself included.
fn tree(package: &str, arguments: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .args(["--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<_> = text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert!(names.contains(package), "no tree of {package}: {text}");
    names
}

/// Each portable crate by itself, without default features: features that servers turn on elsewhere in the workspace do
/// not count, and whatever a portable crate turns on in another does.
#[test]
fn what_runs_in_a_browser_stays_portable() {
    for package in PORTABLE {
        let names = tree(package, &["--no-default-features"]);
        let found: Vec<_> = NOT_PORTABLE.iter().filter(|name| names.contains(**name)).collect();
        assert!(found.is_empty(), "{package} reaches {found:?}, which do not run in a browser");
    }
    // The same look finds what it is looking for where a server asks for it.
    assert!(tree("warifu-keys", &["--features", "aws-lc"]).contains("aws-lc-sys"));
}
