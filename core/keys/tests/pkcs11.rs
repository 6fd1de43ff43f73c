//! Keys on a token of SoftHSM2, made for the test in a folder of its own. Skipped by name where SoftHSM2 is absent.
//!
//! The module finds its tokens by the variable `SOFTHSM2_CONF` of the process, so the test makes the token, and a second
//! process of this same binary, started with the variable set, signs with it.
#![cfg(test)]

use std::path::{Path, PathBuf};
use std::process::Command;

use warifu_keys::entropy::Seeded;
use warifu_keys::pkcs11::{KeyAddress, Pkcs11Error, Pkcs11Signer};
use warifu_keys::{Algorithm, Entropy, Secret, Signer as _, SigningKey, base64url, jws};

const CONFIGURATION: &str = "SOFTHSM2_CONF";
const TOKEN: &str = "warifu test";
const PIN: &[u8] = b"2468";

fn module() -> Option<PathBuf> {
    ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
}

fn softhsm(folder: &Path, arguments: &[&str]) -> bool {
    let output =
        Command::new("softhsm2-util").args(arguments).env(CONFIGURATION, folder.join("softhsm2.conf")).output();
    let output = output.unwrap();
    print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &Seeded::dangerous_new("token"))
}

/// Puts the private key of this PEM text on the token under this label.
fn import(folder: &Path, pem: &str, label: &str, id: &str) -> bool {
    let file = folder.join("key.pem");
    std::fs::write(&file, pem).unwrap();
    let file = file.to_str().unwrap();
    softhsm(folder, &["--import", file, "--token", TOKEN, "--label", label, "--id", id, "--pin", "2468"])
}

#[test]
fn a_token_signs() {
    if module().is_none() || Command::new("softhsm2-util").arg("--version").output().is_err() {
        println!("skipped: a_token_signs: softhsm2 is absent");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let configuration = format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display());
    std::fs::write(folder.path().join("softhsm2.conf"), configuration).unwrap();
    let make = ["--init-token", "--free", "--label", TOKEN, "--so-pin", "1357", "--pin", "2468"];
    assert!(softhsm(folder.path(), &make));
    for (at, algorithm) in [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512].into_iter().enumerate() {
        let pem = key(algorithm).to_pkcs8_pem().unwrap();
        assert!(import(folder.path(), &pem, algorithm.name(), &format!("0{at}")), "{algorithm}");
        assert!(import(folder.path(), &pem, "several", &format!("1{at}")));
    }
    // Builds of SoftHSM2 without Ed25519 do not take the key; the other process sees that by itself. Those with it read
    // the first version of PKCS#8 only, which holds no public key (RFC 8410 section 7).
    let entropy: &dyn Entropy = &Seeded::dangerous_new("token");
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let text = base64url::encode_standard(&[&head[..], &entropy.array::<32>()].concat());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    assert_eq!(SigningKey::from_pkcs8_pem(&pem).unwrap().public_key(), key(Algorithm::EdDsa).public_key());
    import(folder.path(), &pem, "EdDSA", "09");

    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "with_the_token", "--nocapture"])
        .env(CONFIGURATION, folder.path().join("softhsm2.conf"))
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    println!("{text}");
}

fn open(token: &str, key: &str, pin: &[u8]) -> Result<Pkcs11Signer, Pkcs11Error> {
    let address = KeyAddress { module: module().unwrap(), token: token.to_owned(), key: key.to_owned() };
    Pkcs11Signer::open(&address, &Secret::new(pin.to_vec()))
}

#[test]
#[ignore = "started by a_token_signs with a token of its own"]
fn with_the_token() {
    if std::env::var_os(CONFIGURATION).is_none() {
        println!("skipped: with_the_token: there is no token");
        return;
    }
    // A wrong PIN comes first: once logged in, the whole process is.
    assert!(matches!(open(TOKEN, "ES256", b"0000"), Err(Pkcs11Error::WrongPin)));
    assert!(matches!(open("nobody's", "ES256", PIN), Err(Pkcs11Error::NoToken(_))));
    assert!(matches!(open(TOKEN, "missing", PIN), Err(Pkcs11Error::NoKey(_))));
    assert!(matches!(open(TOKEN, "several", PIN), Err(Pkcs11Error::KeyAmbiguous(_))));
    let nowhere = KeyAddress { module: "/nowhere.so".into(), token: TOKEN.to_owned(), key: "ES256".to_owned() };
    let pin = Secret::new(PIN.to_vec());
    assert!(matches!(Pkcs11Signer::open(&nowhere, &pin), Err(Pkcs11Error::Module { .. })));

    for algorithm in Algorithm::ALL {
        let signer = match open(TOKEN, algorithm.name(), PIN) {
            Err(Pkcs11Error::NoKey(_)) if algorithm == Algorithm::EdDsa => {
                println!("skipped: EdDSA: this build of SoftHSM2 takes no such key");
                continue;
            }
            other => other.unwrap(),
        };
        let software = key(algorithm).public_key();
        assert_eq!(signer.public_key(), software);
        let text = jws::sign(jws::Header::typ("t"), b"{}", &signer).unwrap();
        assert_eq!(jws::Unverified::parse(&text).unwrap().verify(&software).unwrap(), b"{}");
        // From several threads at once, each with messages of its own.
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                let (signer, software) = (&signer, &software);
                scope.spawn(move || {
                    for message in (0..8_u8).map(|count| [thread, count]) {
                        software.verify(&message, &signer.sign(&message).unwrap()).unwrap();
                    }
                });
            }
        });
    }
}
