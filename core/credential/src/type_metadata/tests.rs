use proptest::prelude::*;
use serde_json::{Map, json};
use warifu_keys::hash::HashAlgorithm;
use warifu_keys::{Signer as _, base64url};

use super::*;
use crate::example::{VCT, World, binding, identity, now, rules, world};
use crate::profile::{Minting, mint_sd_jwt};
use crate::sd_jwt::{Claims, Presentation, Received};

/// Feeds a document for each type that is asked for.
fn resolve(vct: &str, documents: &[Value]) -> Result<TypeMetadata, TypeMetadataError> {
    let mut progress = Progress::More(Resolving::start(vct, None)?);
    loop {
        let resolving = match progress {
            Progress::Done(metadata) => return Ok(metadata),
            Progress::More(resolving) => resolving,
        };
        let document = documents.iter().find(|document| document["vct"] == resolving.wanted());
        progress = resolving.feed(document.unwrap_or(&json!({})).to_string().as_bytes())?;
    }
}

fn document() -> Value {
    json!({
        "vct": VCT, "name": "Identity", "description": "for developers", "not understood": [1],
        "display": [
            { "locale": "ja", "name": "本人確認" },
            { "locale": "en-US", "name": "Identity attestation", "description": "Who you are", "rendering": {
                "simple": {
                    "logo": { "uri": "https://issuer.example/logo.png", "alt_text": "I" },
                    "background_color": "#12107c", "text_color": "#FFF",
                },
                "svg_templates": [
                    { "uri": "data:image/svg+xml,x", "properties": { "orientation": "portrait" } },
                    { "uri": "data:image/svg+xml,y", "properties": { "orientation": "landscape", "contrast": "high" } },
                ],
            } },
        ],
        "claims": [
            { "path": ["family_name"], "mandatory": true, "sd": "always", "svg_id": "family_name",
              "display": [{ "locale": "en", "label": "Family name" }, { "locale": "ja", "label": "姓" }] },
            { "path": ["nationalities"], "sd": "never", "svg_id": "nationalities" },
            { "path": ["nationalities", null], "mandatory": true, "sd": "always",
              "display": [{ "lang": "en", "label": "Nationality" }] },
            { "path": ["address", "country"] },
        ],
    })
}

#[test]
fn reads_names_and_card() {
    let metadata = resolve(VCT, &[document()]).unwrap();
    assert_eq!(metadata.name("ja-JP"), Some("本人確認"));
    assert_eq!(metadata.name("fr"), Some("Identity attestation"));
    assert_eq!(metadata.label(&ClaimPath::claim("family_name"), "ja"), Some("姓"));
    assert_eq!(metadata.label(&ClaimPath::claim("nationalities").index(3), "fr"), Some("Nationality"));
    assert_eq!(metadata.label(&ClaimPath::claim("address").name("country"), "en"), None);
    let display = metadata.display("en").unwrap();
    assert_eq!(display.background_color.unwrap().to_string(), "#12107c");
    assert_eq!(display.text_color, Some(Color([255, 255, 255])));
    assert_eq!(display.logo.as_ref().unwrap().alt_text.as_deref(), Some("I"));
    let Ok(Source::Fetch(url)) = display.logo.as_ref().unwrap().picture.source() else { panic!("an https URL") };
    assert_eq!(url.as_str(), "https://issuer.example/logo.png");
    let picture = |wished| match display.svg_template(wished).unwrap().template.source().unwrap() {
        Source::Inline { media_type, bytes } => (media_type, bytes),
        Source::Fetch(url) => panic!("{url}"),
    };
    let landscape = SvgProperties { orientation: Some(Orientation::Landscape), ..SvgProperties::default() };
    assert_eq!(picture(SvgProperties::default()).1, b"x");
    assert_eq!(picture(landscape), ("image/svg+xml".to_owned(), b"y".to_vec()));
    let nameless = resolve("urn:x", &[json!({ "vct": "urn:x", "name": "Plain" })]).unwrap();
    assert_eq!(nameless.name("ja"), Some("Plain"));
    // What a wallet keeps is read back.
    let kept = serde_json::to_string(&metadata).unwrap();
    assert_eq!(serde_json::from_str::<TypeMetadata>(&kept).unwrap(), metadata);
}

#[test]
fn refuses() {
    let check = |change: &dyn Fn(&mut Value), expected: TypeMetadataError| {
        let mut document = document();
        change(&mut document);
        let found = Resolving::start(VCT, None).unwrap().feed(document.to_string().as_bytes());
        assert_eq!(found.map(drop).unwrap_err(), expected, "{document}");
    };
    let malformed = TypeMetadataError::Malformed;
    check(&|d| d["vct"] = json!("https://b.example/vct/1"), TypeMetadataError::OtherType);
    check(&|d| d["vct"] = json!(1), TypeMetadataError::OtherType);
    check(&|d| d["claims"] = json!({}), malformed("claims"));
    check(&|d| d["claims"] = json!(vec![json!({ "path": ["a"] }); MAX_ITEMS + 1]), malformed("claims"));
    check(&|d| d["claims"][0]["path"] = json!([]), malformed("claims"));
    check(&|d| d["claims"][0]["sd"] = json!("sometimes"), malformed("claims"));
    check(&|d| d["claims"][0]["mandatory"] = json!("yes"), malformed("claims"));
    check(&|d| d["claims"][0]["display"][0] = json!({ "locale": "en" }), malformed("claims"));
    for bad in ["1a", "a b", "", "a-b", "é"] {
        check(&|d| d["claims"][0]["svg_id"] = json!(bad), malformed("svg_id"));
    }
    check(
        &|d| d["claims"][1]["path"] = json!(["family_name"]),
        TypeMetadataError::DescribedTwice("family_name".to_owned()),
    );
    check(
        &|d| d["claims"][1]["svg_id"] = json!("family_name"),
        TypeMetadataError::SvgIdTwice("family_name".to_owned()),
    );
    check(&|d| d["display"][0] = json!({ "name": "x" }), malformed("display"));
    check(&|d| d["display"][0] = json!({ "locale": "x" }), malformed("display"));
    check(&|d| d["display"][1]["rendering"] = json!([]), malformed("rendering"));
    let templates = |d: &mut Value, value: Value| d["display"][1]["rendering"]["svg_templates"] = value;
    check(&|d| templates(d, json!({})), malformed("svg_templates"));
    check(&|d| templates(d, json!([{ "uri": "http://a.example" }])), malformed("uri"));
    check(&|d| templates(d, json!([{ "uri": "file:///etc/passwd" }])), malformed("uri"));
    check(&|d| templates(d, json!([{ "uri": "data:,x" }, { "uri": "data:,x" }])), malformed("properties"));
    check(&|d| templates(d, json!([{ "uri": "data:,x", "properties": {} }])), malformed("properties"));
    check(
        &|d| templates(d, json!([{ "uri": "data:,x", "properties": { "contrast": "loud" } }])),
        malformed("properties"),
    );
    check(&|d| d["extends"] = json!(VCT), TypeMetadataError::Circular(VCT.to_owned()));
    let large = Resolving::start(VCT, None).unwrap().feed(&vec![b' '; MAX_BYTES + 1]);
    assert!(matches!(large, Err(TypeMetadataError::Json(JsonError::TooLarge(_)))));
}

#[test]
fn only_the_document_that_is_meant() {
    let bytes = document().to_string();
    let integrity = format!("sha384-{}", base64url::encode_standard(&HashAlgorithm::Sha384.digest(bytes.as_bytes())));
    let start = || Resolving::start(VCT, Some(&integrity)).unwrap();
    assert!(matches!(start().feed(bytes.as_bytes()), Ok(Progress::Done(_))));
    let other = start().feed((bytes.clone() + " ").as_bytes()).map(drop);
    assert_eq!(other, Err(TypeMetadataError::Integrity(IntegrityError::Mismatch)));
    let unknown = Resolving::start(VCT, Some("md5-AAAA")).map(drop);
    assert_eq!(unknown, Err(TypeMetadataError::Integrity(IntegrityError::Unsupported)));

    let child = json!({ "vct": "urn:child", "extends": VCT, "extends#integrity": integrity });
    let more = |child: &Value| match Resolving::start("urn:child", None).unwrap().feed(child.to_string().as_bytes()) {
        Ok(Progress::More(resolving)) => resolving,
        Ok(Progress::Done(_)) | Err(_) => panic!("`extends` is there"),
    };
    assert_eq!(more(&child).wanted(), VCT);
    assert!(matches!(more(&child).feed(bytes.as_bytes()), Ok(Progress::Done(_))));
    let other = more(&child).feed((bytes + " ").as_bytes()).map(drop);
    assert_eq!(other, Err(TypeMetadataError::Integrity(IntegrityError::Mismatch)));
}

/// The figures of the section on extending claim metadata.
#[test]
fn extending_example_of_the_standard() {
    let base = json!({ "vct": "https://example.com/base-type-metadata", "claims": [
        { "path": ["name"], "display": [{ "label": "Full Name", "locale": "en" }] },
        { "path": ["address", "city"], "display": [{ "label": "City", "locale": "en" }] } ] });
    let child = json!({
        "vct": "https://example.com/custom-type-metadata", "extends": "https://example.com/base-type-metadata",
        "claims": [
            { "path": ["address", "city"], "display": [{ "label": "Town", "locale": "en" }] },
            { "path": ["nationalities"], "display": [{ "label": "Nationalities", "locale": "en" }] } ] });
    let merged = resolve("https://example.com/custom-type-metadata", &[base, child]).unwrap();
    let effective: Vec<(String, &str)> =
        merged.claims.iter().map(|claim| (path_text(&claim.path), claim.labels[0].label.as_str())).collect();
    let expected = [("name", "Full Name"), ("address.city", "Town"), ("nationalities", "Nationalities")];
    assert_eq!(effective, expected.map(|(path, label)| (path.to_owned(), label)));
    assert_eq!(merged.vct, "https://example.com/custom-type-metadata");
    assert_eq!(merged.extends, ["https://example.com/base-type-metadata"]);
}

#[test]
fn promises_are_kept_by_extending_types() {
    let merged = |base: Value, child: Value| {
        let mut base = json!({ "vct": "urn:base", "claims": [base] });
        base["claims"][0]["path"] = json!(["a"]);
        let mut child = json!({ "vct": "urn:child", "extends": "urn:base", "claims": [child] });
        child["claims"][0]["path"] = json!(["a"]);
        resolve("urn:child", &[base, child]).map(|metadata| metadata.claims[0].clone())
    };
    let broken = |member| TypeMetadataError::PromiseBroken { path: "a".to_owned(), member };
    for (base, child, expected) in [
        (json!({}), json!({ "sd": "always" }), Ok(Sd::Always)),
        (json!({ "sd": "allowed" }), json!({ "sd": "never" }), Ok(Sd::Never)),
        (json!({ "sd": "always" }), json!({}), Ok(Sd::Always)),
        (json!({ "sd": "always" }), json!({ "sd": "always" }), Ok(Sd::Always)),
        (json!({ "sd": "always" }), json!({ "sd": "allowed" }), Err(broken("sd"))),
        (json!({ "sd": "always" }), json!({ "sd": "never" }), Err(broken("sd"))),
        (json!({ "sd": "never" }), json!({ "sd": "always" }), Err(broken("sd"))),
    ] {
        assert_eq!(merged(base, child).map(|claim| claim.sd), expected);
    }
    for (base, child, expected) in [
        (json!({}), json!({ "mandatory": true }), Ok(true)),
        (json!({ "mandatory": true }), json!({}), Ok(true)),
        (json!({ "mandatory": true }), json!({ "mandatory": false }), Err(broken("mandatory"))),
    ] {
        assert_eq!(merged(base, child).map(|claim| claim.mandatory), expected);
    }
    let kept = merged(json!({ "svg_id": "x", "display": [{ "locale": "en", "label": "A" }] }), json!({})).unwrap();
    assert_eq!((kept.svg_id.as_deref(), kept.labels[0].label.as_str()), (Some("x"), "A"));
    let replaced = merged(json!({ "display": [{ "locale": "en", "label": "A" }] }), json!({ "display": [] })).unwrap();
    assert_eq!(replaced.labels, []);
    // Display metadata of the type is replaced as a whole, and only where there is some.
    let base =
        json!({ "vct": "urn:base", "display": [{ "locale": "en", "name": "Base" }, { "locale": "ja", "name": "基" }] });
    let silent = json!({ "vct": "urn:child", "name": "Child", "extends": "urn:base" });
    assert_eq!(resolve("urn:child", &[base.clone(), silent]).unwrap().name("ja"), Some("基"));
    let own = json!({ "vct": "urn:child", "extends": "urn:base", "display": [{ "locale": "en", "name": "Child" }] });
    assert_eq!(resolve("urn:child", &[base, own]).unwrap().name("ja"), Some("Child"));
}

#[test]
fn chains_end() {
    let link = |from: usize, to: usize| json!({ "vct": format!("urn:{from}"), "extends": format!("urn:{to}") });
    let end = |at: usize| json!({ "vct": format!("urn:{at}") });
    let chain = |len: usize| -> Vec<Value> { (0..len).map(|at| link(at, at + 1)).chain([end(len)]).collect() };
    assert_eq!(resolve("urn:0", &chain(MAX_EXTENDS)).unwrap().extends.len(), MAX_EXTENDS);
    assert_eq!(resolve("urn:0", &chain(MAX_EXTENDS + 1)), Err(TypeMetadataError::TooManyExtends));
    for back in 0..3 {
        let circle = [link(0, 1), link(1, 2), link(2, back)];
        assert_eq!(resolve("urn:0", &circle), Err(TypeMetadataError::Circular(format!("urn:{back}"))));
    }
}

fn issued(world: &World, selective: &[Value]) -> Held {
    let values = json!({ "family_name": "MUSTERMANN", "nationalities": ["DE", "JP"], "address": { "country": "DE" } });
    let claims = selective
        .iter()
        .map(|path| ClaimPath::from_value(path).unwrap())
        .fold(Claims::new(values.as_object().unwrap().clone()), Claims::selective);
    let text = world.issue(&claims.with_decoys(4), None);
    let authentic = Received::parse(&text).unwrap().authenticate(&world.anchors(), now()).unwrap();
    Held::keep(authentic.settle_without_status(now()).unwrap()).unwrap()
}

#[test]
fn a_credential_keeps_what_its_type_promises() {
    let world = world("promises");
    let metadata = resolve(VCT, &[document()]).unwrap();
    let name = json!(["family_name"]);
    let each = json!(["nationalities", null]);
    let held = issued(&world, &[name.clone(), each.clone()]);
    metadata.check_held(&held).unwrap();

    let refused = |selective: &[Value]| metadata.check_held(&issued(&world, selective)).unwrap_err();
    let differently = |path: &str| TypeMetadataError::Disclosability(path.to_owned());
    assert_eq!(refused(std::slice::from_ref(&name)), differently("nationalities[]"));
    assert_eq!(refused(&[name.clone(), json!(["nationalities", 0])]), differently("nationalities[]"));
    assert_eq!(refused(std::slice::from_ref(&each)), differently("family_name"));
    assert_eq!(refused(&[name.clone(), each.clone(), json!(["nationalities"])]), differently("nationalities"));

    let change = |change: &dyn Fn(&mut Value)| {
        let mut document = document();
        change(&mut document);
        resolve(VCT, &[document]).unwrap().check_held(&held)
    };
    let missing = change(&|d| d["claims"][3] = json!({ "path": ["given_name"], "mandatory": true }));
    assert_eq!(missing, Err(TypeMetadataError::MissingClaim("given_name".to_owned())));
    let missing = change(&|d| d["claims"][3] = json!({ "path": ["nationalities", 2], "mandatory": true }));
    // The third entry is a decoy.
    assert_eq!(missing, Err(TypeMetadataError::MissingClaim("nationalities[2]".to_owned())));
    change(&|d| d["claims"][3] = json!({ "path": ["nationalities", 1], "mandatory": true })).unwrap();
    let wrong = change(&|d| d["claims"][3] = json!({ "path": ["family_name", "first"] }));
    let source = PathError::WrongContainer { at: 1 };
    assert_eq!(wrong, Err(TypeMetadataError::Path { path: "family_name.first".to_owned(), source }));

    // A verifier can not tell what is missing, and still sees what is disclosed otherwise than promised.
    let presented = |held: &Held, paths: &[Value]| {
        let paths: Vec<ClaimPath> = paths.iter().map(|path| ClaimPath::from_value(path).unwrap()).collect();
        let text = held.present(&paths, &binding(), &world.holder).unwrap();
        let presentation = Presentation::parse(&text).unwrap();
        let (authentic, _) = presentation.authenticate(&world.anchors(), now(), &rules()).unwrap();
        metadata.check_presented(&authentic.settle_without_status(now()).unwrap())
    };
    presented(&held, &[]).unwrap();
    presented(&held, &[json!(["nationalities", 1])]).unwrap();
    let open = issued(&world, &[name]);
    assert_eq!(presented(&open, &[]), Err(differently("nationalities[]")));
}

#[test]
fn the_card_is_drawn_from_the_claims() {
    let svg = "<svg xmlns='http://www.w3.org/2000/svg'><text>{{family_name}}: {{nationalities}}</text></svg>";
    let mut document = document();
    let integrity = base64url::encode_standard(&HashAlgorithm::Sha256.digest(svg.as_bytes()));
    document["display"][1]["rendering"]["svg_templates"] = json!([{
        "uri": format!("data:image/svg+xml;base64,{}", base64url::encode_standard(svg.as_bytes())),
        "uri#integrity": format!("sha256-{integrity}"),
    }]);
    let metadata = resolve(VCT, &[document.clone()]).unwrap();
    let template = metadata.display("en").unwrap().svg_template(SvgProperties::default()).unwrap();
    let Ok(Source::Inline { bytes, .. }) = template.template.source() else { panic!("a data URI") };
    let drawn = |claims: Value| template.read(&bytes).unwrap().render(&metadata.svg_values(&claims)).unwrap();
    assert!(drawn(json!({ "family_name": "<B>", "nationalities": ["DE", "JP"] })).contains(">&lt;B&gt;: DE, JP<"));
    assert!(drawn(json!({ "family_name": { "x": 1 } })).contains(">: <"));
    assert_eq!(template.read(b"<svg/>"), Err(TypeMetadataError::Integrity(IntegrityError::Mismatch)));

    document["display"][1]["rendering"]["svg_templates"][0]["uri#integrity"] =
        json!(format!("sha256-{integrity}").to_lowercase());
    let metadata = resolve(VCT, &[document]).unwrap();
    let template = metadata.display("en").unwrap().svg_template(SvgProperties::default()).unwrap();
    assert!(matches!(template.template.source(), Err(TypeMetadataError::Integrity(_))));
}

#[test]
fn colours() {
    let check = |text: &str, expected: Option<[u8; 3]>| {
        let mut document = document();
        document["display"][0]["rendering"] = json!({ "simple": { "background_color": text } });
        let metadata = resolve(VCT, &[document]).unwrap();
        assert_eq!(metadata.display("ja").unwrap().background_color, expected.map(Color), "{text}");
    };
    check("#12107c", Some([0x12, 0x10, 0x7c]));
    check("#FfF", Some([255, 255, 255]));
    check("rgb(1, 2,3)", Some([1, 2, 3]));
    for bad in ["", "#12", "#1234567", "#ggg", "rgb(1,2)", "rgb(1,2,256)", "red; background: url(x)", "#éé"] {
        check(bad, None);
    }
}

/// The document that the issuer of the `kyc` profile serves, the card in it, and a credential as that issuer mints it.
#[test]
fn our_own_type() {
    let document = warifu_schemas::type_metadata(&warifu_schemas::kyc::PROFILE, VCT);
    let metadata = resolve(VCT, &[document]).unwrap();
    let world = world("our own");
    let key = world.holder.public_key();
    let minting = Minting { vct: VCT, holder_key: &key, status: None, lifetime_days: 90, now: now() };
    let claims = identity().to_claims(minting.day()).unwrap();
    let text = mint_sd_jwt(&claims, &minting, world.issuer(), &world.entropy).unwrap();
    let authentic = Received::parse(&text).unwrap().authenticate(&world.anchors(), now()).unwrap();
    let held = Held::keep(authentic.settle_without_status(now()).unwrap()).unwrap();
    metadata.check_held(&held).unwrap();
    for language in ["en", "ja"] {
        let display = metadata.display(language).unwrap();
        let template = display.svg_template(SvgProperties::default()).unwrap();
        let Ok(Source::Inline { bytes, .. }) = template.template.source() else { panic!("a data URI") };
        let claims = json!({ "given_name": "ERIKA", "family_name": "MUSTERMANN" });
        let drawn = template.read(&bytes).unwrap().render(&metadata.svg_values(&claims)).unwrap();
        assert!(drawn.contains(">ERIKA<") && drawn.contains(">MUSTERMANN<") && !drawn.contains("{{"));
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), name in "[a-z#%,;:/]{0,12}") {
        let _ = Resolving::start(&name, Some(&name));
        let _ = Resolving::start(VCT, None).unwrap().feed(&bytes);
        let mut document: Map<String, Value> = document().as_object().unwrap().clone();
        document.insert("display".to_owned(), json!([{ "locale": name, "name": name,
            "rendering": { "simple": { "background_color": name, "logo": { "uri": format!("data:{name}") } } } }]));
        if let Ok(Progress::Done(metadata)) =
            Resolving::start(VCT, None).unwrap().feed(Value::Object(document).to_string().as_bytes())
        {
            let _ = metadata.display[0].logo.as_ref().unwrap().picture.source();
        }
    }
}
