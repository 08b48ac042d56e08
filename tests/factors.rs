//! What else is sealed than a password, with the built program alone: each factor
//! in and out, codes and sign-in by files, and that no seed is ever printed.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{PASSWORD, Person, World, joined, now};
use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER};
use qrcode::{Color, EcLevel, QrCode};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use warifu::seal::mfa::MfaSeed;
use warifu::secret::SecretBytes;

/// Recognisable wherever it turns up.
const SEED: &[u8] = b"seed-of-the-root-user-of-prod!!!!!!!!!!!";

fn url() -> String {
    let secret = BASE32_NOPAD.encode(SEED);
    format!(
        "otpauth://totp/Amazon%20Web%20Services:root@111122223333?secret={secret}&issuer=Amazon%20Web%20Services"
    )
}

/// The code of a time, computed apart from the vault.
fn code_of(seconds: u64) -> String {
    let seed = MfaSeed::read(&SecretBytes::new(url().into_bytes())).unwrap();
    seed.code_at(seconds / 30).expose_str().unwrap().to_owned()
}

/// `tests/support/qr.jpg` is the picture that [`png`] makes of [`url`], turned by one
/// degree and saved as a photo would be.
const PHOTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/qr.jpg");

/// A world with two more custodians, who hold the second factor of `acme/web`.
struct Two {
    world: World,
    holders: [Person; 2],
    words: String,
}

impl Two {
    fn new() -> Self {
        let world = World::new();
        let holders = ["m1", "m2"].map(|folder| world.enrol("custodian", "acme", folder));
        world.form("acme/second", 2, &holders);
        let group: Value = world.host(&["--json", "group", "show", "acme/second"]).good().json();
        let words = group["fingerprint"].as_str().unwrap().to_owned();
        let two = Self { world, holders, words };
        let cards = two.cards();
        let admit = ["operator", "admit", "acme/second", &two.world.operator.name];
        two.world.host(&joined(&admit, &cards)).good();
        two
    }

    fn cards(&self) -> Vec<String> {
        self.holders.iter().flat_map(|holder| self.world.card(holder)).collect()
    }

    fn bind(&self, scope: &str, factor: &str) {
        let bind = ["bind", scope, "--factor", factor, "--group", "acme/second"];
        let bound = self.world.host(&joined(&bind, &self.cards())).good();
        let next = format!("Next: warifu seal {scope}/");
        let said = bound.out.contains(&next) && bound.out.contains(&format!("--factor {factor}"));
        assert!(said || scope.matches('/').count() == 2, "{}", bound.out);
    }

    /// With the seed sealed for `acme/web/prod`.
    fn sealed() -> Self {
        let two = Self::new();
        two.bind("acme/web", "mfa");
        two.seal("mfa", &url()).good();
        two
    }

    fn seal(&self, factor: &str, input: &str) -> cli::Ran {
        let seal = ["--json", "seal", "acme/web/prod", "--factor", factor, "--stdin", "--fingerprint"];
        self.world.host_with(&[&seal[..], &[self.words.as_str()]].concat(), input)
    }

    fn seal_file(&self, factor: &str, path: &Path) -> cli::Ran {
        let path = path.display().to_string();
        let seal = ["--json", "seal", "acme/web/prod", "--factor", factor, "--from", &path, "--fingerprint"];
        self.world.host(&[&seal[..], &[self.words.as_str()]].concat())
    }

    fn request(&self, name: &str, more: &[&str]) -> String {
        let ask = ["--json", "ceremony", "request", "acme/web/prod", "--reason", "a test", "--out", name];
        let card = self.world.card(&self.world.operator);
        let ran = self.world.host(&joined(&[&ask[..], more].concat(), &card)).good();
        ran.json()["ceremony"].as_str().unwrap().to_owned()
    }

    /// Request to acceptance; gives what the custodian was told.
    fn contributed(&self, who: &Person, request: &str) -> String {
        let out = format!("{}.contribution", who.name);
        self.world.carry(request, who);
        let told = self.world.contribute(who, request, &out).good().err;
        self.world.bring(who, &out);
        self.world.host(&["ceremony", "accept", &out]).good();
        fs::remove_file(self.world.home(who).join(&out)).unwrap();
        told
    }

    fn finish(&self, ceremony: &str, more: &[&str]) -> cli::Ran {
        let card = self.world.card(&self.world.operator);
        let finish = ["--json", "ceremony", "finish", "acme", ceremony];
        self.world.host(&joined(&[&finish[..], more].concat(), &card))
    }

    fn show(&self) -> Value {
        self.world.host(&["--json", "account", "show", "acme/web/prod"]).good().json()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.world.host_dir().join(name)).unwrap()
    }
}

fn png(text: &str, path: &Path) {
    const SCALE: usize = 6;
    let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
    let (modules, side) = (code.to_colors(), code.width());
    let wide = (side + 8) * SCALE;
    let dark = |v: usize| (v / SCALE).checked_sub(4).filter(|v| *v < side);
    let pixel = |at: usize| match dark(at % wide).zip(dark(at / wide)) {
        Some((x, y)) if modules[y * side + x] == Color::Dark => 0,
        _ => 255,
    };
    let pixels: Vec<u8> = (0..wide * wide).map(pixel).collect();
    let file = fs::File::create(path).unwrap();
    let side = u32::try_from(wide).unwrap();
    let mut encoder = png::Encoder::new(file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

#[test]
fn each_other_factor_is_sealed_and_opened() {
    let two = Two::new();
    for factor in ["recovery-codes", "file", "device"] {
        two.bind("acme", factor);
    }
    let key: Vec<u8> = (0..48 * 1024).map(|n: u32| (n % 251) as u8).collect();
    let path = two.world.host_dir().join("root key.der");
    fs::write(&path, &key).unwrap();
    assert_eq!(two.seal("recovery-codes", "aaaa-1111\n\n bbbb-2222 \n").good().json()["made"], "imported");
    two.seal_file("file", &path).good();
    let sealed = two.seal("device", "YK5-0451\nsafe 3, room 0.12\n").good().json();
    assert_eq!(
        (&sealed["factor"], &sealed["version"], &sealed["group"]),
        (&"device".into(), &1.into(), &"acme/second".into())
    );
    let shown = two.show();
    let states: Vec<_> =
        shown["factors"].as_array().unwrap().iter().map(|f| (&f["factor"], &f["state"])).collect();
    let expected = ["password", "recovery-codes", "file", "device"];
    assert_eq!(states.iter().map(|(factor, _)| factor.as_str().unwrap()).collect::<Vec<_>>(), expected);
    assert!(states.iter().all(|(_, state)| **state == "sealed"), "{shown}");
    for (factor, name, to, expected) in [
        ("recovery-codes", "codes", ["--exec", "cat > codes"], b"aaaa-1111\nbbbb-2222\n".as_slice()),
        ("device", "device", ["--exec", "cat > device"], b"YK5-0451\nsafe 3, room 0.12\n"),
        ("file", "opened.der", ["--contents", "opened.der"], &key),
    ] {
        let request = format!("{factor}.warifu");
        let ceremony = two.request(&request, &["--factor", factor]);
        let told = two.holders.iter().map(|holder| two.contributed(holder, &request)).last().unwrap();
        assert!(told.contains(&format!("the {factor} of version 1")), "{told}");
        let done = two.finish(&ceremony, &to).good().json();
        assert_eq!((&done["factor"], &done["state"]), (&factor.into(), &"exposed".into()));
        assert_eq!(two.read(name), expected, "{factor}");
    }
    let about = fs::metadata(two.world.host_dir().join("opened.der")).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    let log = two.world.host(&["audit", "log", "acme", "--kind", "revealed"]).good().out;
    assert!(log.contains("on file") && log.contains("on command"), "{log}");
    two.world.verified();
}

#[test]
fn an_opened_file_overwrites_nothing_and_is_not_shown_on_the_screen() {
    let two = Two::new();
    two.bind("acme", "file");
    let there = two.world.host_dir().join("there");
    fs::write(&there, "mine").unwrap();
    two.seal("file", "a certificate").good();
    let ceremony = two.request("r.warifu", &["--factor", "file"]);
    two.holders.iter().for_each(|holder| drop(two.contributed(holder, "r.warifu")));
    two.finish(&ceremony, &["--contents", "there"]).refused(3, &["exists already", "nothing is overwritten"]);
    assert_eq!(fs::read_to_string(&there).unwrap(), "mine");
    two.finish(&ceremony, &[]).refused(2, &["terminal", "--exec CMD"]);
    // On the operator's own machine likewise.
    two.finish(&ceremony, &["--out", "release.warifu"]).good();
    two.world.carry("release.warifu", &two.world.operator);
    let reveal =
        ["ceremony", "reveal", "release.warifu", "--card", "card", "--passphrase-file", "passphrase"];
    two.world.at(&two.world.operator, &reveal).refused(2, &["not shown on the screen", "--contents FILE"]);
    two.world.at(&two.world.operator, &[&reveal[..], &["--out", "cert"]].concat()).good();
    let opened = two.world.home(&two.world.operator).join("cert");
    assert_eq!(fs::read_to_string(opened).unwrap(), "a certificate");
    // A password goes into no file.
    let card = two.world.card(&two.world.operator);
    let open = ["open", "acme/web/prod", "--reason", "x", "--out", "password"];
    two.world.host_refused(&joined(&open, &card), 2, &["not written into a file"]);
}

#[test]
fn what_cannot_be_sealed_is_refused_with_fact_and_remedy() {
    let two = Two::new();
    for factor in ["mfa", "recovery-codes", "file", "device"] {
        two.bind("acme/web", factor);
    }
    two.seal("mfa", "not a seed!").refused(3, &["neither an otpauth", "the provider shows"]);
    two.seal("mfa", "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ").refused(3, &["not for codes by time"]);
    two.seal("recovery-codes", "\n\n").refused(3, &["0 recovery codes"]);
    two.seal("device", "serial alone").refused(3, &["a device has a serial number and a place"]);
    two.seal("file", "").refused(3, &["the file is empty"]);
    let large = two.world.host_dir().join("large");
    fs::write(&large, vec![7; 48 * 1024 + 1]).unwrap();
    two.seal_file("file", &large).refused(3, &["more than 49152 bytes"]);
    let picture = two.world.host_dir().join("none.png");
    png("x", &picture);
    fs::write(&picture, &fs::read(&picture).unwrap()[..200]).unwrap();
    two.seal_file("mfa", &picture).refused(3, &["picture"]);
    two.seal_file("mfa", Path::new("/nowhere")).refused(7, &["/nowhere"]);
    let seal = |more: &[&str]| two.world.host(&[&["seal", "acme/web/prod"], more].concat());
    seal(&["--factor", "file"]).refused(2, &["which file", "--from FILE"]);
    seal(&["--factor", "mfa"]).refused(2, &["no terminal", "--from FILE"]);
    seal(&["--factor", "mfa", "--login", "root"]).refused(2, &["--login is for passwords"]);
    seal(&["--from", "x"]).refused(2, &["--from is not for passwords"]);
    seal(&["--factor", "pin"]).refused(2, &["'pin' is not a factor", "recovery-codes"]);
    let unbound = ["seal", "acme/lab/one", "--factor", "mfa"];
    two.world.host_refused(&unbound, 3, &["for its mfa", "bind acme --factor mfa --group acme/GROUP"]);
    let card = two.world.card(&two.world.operator);
    let ask = ["code", "acme/web/prod", "--reason", "x", "--exec", "cat"];
    two.world.host_refused(&joined(&ask, &card), 3, &["no mfa is sealed", "seal acme/web/prod --factor mfa"]);
}

#[test]
fn a_seed_comes_from_a_qr_code_in_a_png_or_a_jpeg() {
    let two = Two::new();
    two.bind("acme/web", "mfa");
    let picture = two.world.host_dir().join("qr.png");
    png(&url(), &picture);
    assert_eq!(two.seal_file("mfa", &picture).good().json()["version"], 1);
    assert_eq!(two.seal_file("mfa", Path::new(PHOTO)).good().json()["version"], 2);
    let ceremony = two.request("r.warifu", &["--purpose", "code"]);
    two.holders.iter().for_each(|holder| drop(two.contributed(holder, "r.warifu")));
    let before = now();
    two.finish(&ceremony, &["--exec", "cat > codes"]).good();
    let codes = String::from_utf8(two.read("codes")).unwrap();
    let expected = [before, now()].map(|at| format!("{}\n{}\n", code_of(at), code_of(at + 30)));
    assert!(expected.contains(&codes), "the photo has the seed of the picture: {codes}");
}

#[test]
fn codes_are_given_and_the_seed_is_not() {
    let two = Two::sealed();
    let ceremony = two.request("r.warifu", &["--purpose", "code"]);
    let told: Vec<_> = two.holders.iter().map(|holder| two.contributed(holder, "r.warifu")).collect();
    assert!(told[0].contains("help make codes; nobody gets the seed"), "{}", told[0]);
    // Nothing for another card, another machine, or beyond the window.
    let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "cat > codes"];
    let other = two.world.card(&two.holders[0]);
    two.world.host_refused(&joined(&finish, &other), 4, &["custodian"]);
    two.finish(&ceremony, &["--out", "release.warifu"]).refused(2, &["not carried in a file"]);
    let before = now();
    let done = two.finish(&ceremony, &["--exec", "cat > codes"]).good();
    let codes = String::from_utf8(two.read("codes")).unwrap();
    let expected = [before, now()].map(|at| format!("{}\n{}\n", code_of(at), code_of(at + 30)));
    assert!(expected.contains(&codes), "{codes} {expected:?}");
    let json = done.json();
    assert_eq!(
        (&json["codes"], &json["mfa_version"], &json["password_version"]),
        (&2.into(), &1.into(), &Value::Null)
    );
    assert!(json["until"].is_string() && json["exposed_to_host"].is_string(), "{json}");
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md")).unwrap();
    let documented = page.split("**`code`**").nth(1).unwrap().split("\n**").next().unwrap();
    for field in json.as_object().unwrap().keys() {
        assert!(documented.contains(&format!("`{field}`")), "docs/cli.md does not name {field}");
    }
    for code in codes.lines() {
        assert!(!done.out.contains(code) && !done.err.contains(code), "codes go to the program alone");
    }
    // Known to the host, exposed to nobody.
    let shown = two.show();
    let mfa = shown["factors"].as_array().unwrap().iter().find(|f| f["factor"] == "mfa").unwrap();
    assert_eq!(mfa["state"], "sealed");
    assert!(mfa["exposed_to_host"].is_string(), "{mfa}");
    let version = shown["versions"].as_array().unwrap().iter().find(|v| v["factor"] == "mfa").unwrap();
    assert!(version["exposed"].is_null() && version["exposed_to_host"].is_string(), "{version}");
    assert_eq!(two.world.account_state("acme/web/prod"), "sealed", "the password is as it was");
    let status = two.world.host(&["status", "acme"]).good().out;
    assert!(status.contains("1 used for codes"), "{status}");
    let log = two.world.host(&["audit", "log", "acme"]).good().out;
    assert!(log.contains("code-given") && log.contains("2 codes, good until"), "{log}");
    let timeline = two.world.host(&["audit", "log", "acme", "--timeline"]).good().out;
    assert!(timeline.contains("acme/web/prod mfa v1") && timeline.contains("codes given: 2"), "{timeline}");
    assert!(timeline.contains("the host could know the seed") && !timeline.contains("EXPOSED"), "{timeline}");
    // Whoever is asked again is told.
    let again = two.request("again.warifu", &["--purpose", "code"]);
    let told = two.contributed(&two.holders[0], "again.warifu");
    assert!(told.contains("codes were made of it before"), "{told}");
    two.world.host(&["ceremony", "abort", "acme", &again]).good();
    two.world.verified();
}

#[test]
fn no_more_codes_than_the_windows_worth_and_nothing_is_given_instead() {
    let two = Two::sealed();
    let ceremony = two.request("r.warifu", &["--purpose", "code", "--window", "5m"]);
    two.holders.iter().for_each(|holder| drop(two.contributed(holder, "r.warifu")));
    let many = ["--exec", "cat > codes", "--codes", "13"];
    two.finish(&ceremony, &many).refused(3, &["13 codes reach beyond", "there is time for 1"]);
    assert!(!two.world.host_dir().join("codes").exists());
    let log = two.world.host(&["audit", "log", "acme", "--kind", "code-given"]).good().out;
    assert!(!log.contains("code-given"), "{log}");
    two.finish(&ceremony, &["--exec", "cat > codes", "--codes", "4"]).good();
    assert_eq!(String::from_utf8(two.read("codes")).unwrap().lines().count(), 4);
}

#[test]
fn sign_in_takes_both_quorums_and_gives_password_and_codes_together() {
    let two = Two::sealed();
    let ceremony = two.request("r.warifu", &["--purpose", "sign-in"]);
    let listed = two.world.host(&["--json", "ceremony", "list", "acme"]).good().json();
    assert_eq!(listed[0]["targets"], serde_json::json!(["acme/web/prod", "acme/web/prod (mfa)"]));
    assert_eq!((&listed[0]["purpose"], &listed[0]["needed"]), (&"sign-in".into(), &4.into()));
    let told = two.contributed(&two.world.custodians[0], "r.warifu");
    assert!(told.contains("the password of version 1") && told.contains("the mfa of version 1"), "{told}");
    two.contributed(&two.world.custodians[1], "r.warifu");
    // A third of the first group does not stand in for one of the second.
    two.contributed(&two.world.custodians[2], "r.warifu");
    two.contributed(&two.holders[0], "r.warifu");
    two.finish(&ceremony, &["--exec", "cat > both"]).refused(5, &["3 of 4 shares accepted"]);
    assert!(!two.world.host_dir().join("both").exists());
    assert_eq!(two.world.account_state("acme/web/prod"), "sealed", "nothing was released for nothing");
    two.contributed(&two.holders[1], "r.warifu");
    let before = now();
    let done = two.finish(&ceremony, &["--exec", "cat > both"]).good().json();
    let both = String::from_utf8(two.read("both")).unwrap();
    let expected = [before, now()].map(|at| format!("{PASSWORD}\n{}\n{}\n", code_of(at), code_of(at + 30)));
    assert!(expected.contains(&both), "{both}");
    assert_eq!((&done["password_version"], &done["mfa_version"]), (&1.into(), &1.into()));
    assert_eq!(two.world.account_state("acme/web/prod"), "exposed");
    two.world.verified();
}

#[test]
fn a_seed_is_never_opened_whatever_is_asked() {
    let two = Two::sealed();
    let card = two.world.card(&two.world.operator);
    let says = ["never given out", "warifu code acme/web/prod"];
    let open = ["open", "acme/web/prod", "--factor", "mfa", "--reason", "x", "--exec", "cat"];
    two.world.host_refused(&joined(&open, &card), 4, &says);
    let ask = ["ceremony", "request", "acme/web/prod", "--factor", "mfa", "--reason", "x", "--out", "r"];
    two.world.host_refused(&joined(&ask, &card), 4, &says);
}

#[test]
fn the_seed_is_in_no_output_and_in_no_file_of_the_vault() {
    let two = Two::new();
    two.bind("acme/web", "mfa");
    let mut said = String::new();
    let mut hear = |ran: cli::Ran| {
        said.push_str(&ran.out);
        said.push_str(&ran.err);
        ran
    };
    hear(two.seal("mfa", &url()));
    let ceremony = two.request("r.warifu", &["--purpose", "sign-in"]);
    for who in two.world.custodians.iter().take(2).chain(&two.holders) {
        said.push_str(&two.contributed(who, "r.warifu"));
    }
    let mut hear = |ran: cli::Ran| {
        said.push_str(&ran.out);
        said.push_str(&ran.err);
        ran
    };
    hear(two.finish(&ceremony, &["--exec", "cat > both"])).good();
    for command in [
        &["account", "show", "acme/web/prod"][..],
        &["audit", "log", "acme"],
        &["audit", "export", "acme", "--format", "ocsf"],
        &["ceremony", "list", "acme", "--all"],
        &["status"],
    ] {
        hear(two.world.host(command)).good();
        hear(two.world.host(&[&["--json"], command].concat())).good();
    }
    let forms = [
        SEED.to_vec(),
        BASE32_NOPAD.encode(SEED).into_bytes(),
        HEXLOWER.encode(SEED).into_bytes(),
        BASE64.encode(SEED).into_bytes()[..40].to_vec(),
    ];
    let found = |bytes: &[u8]| forms.iter().any(|form| bytes.windows(form.len()).any(|w| w == &form[..]));
    assert!(found(url().as_bytes()), "it is found where it is");
    assert!(!found(said.as_bytes()), "the seed was printed");
    let mut folders = vec![two.world.host_dir()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert!(!found(&fs::read(&path).unwrap()), "{}", path.display());
            }
        }
    }
}

#[test]
fn password_and_second_factor_are_kept_apart_on_the_command_line() {
    let two = Two::new();
    let keepers = two.world.cards(&[0, 1]);
    let shared: Vec<_> = two.world.custodians.iter().map(|c| c.name.as_str()).collect();
    let bind = |scope: &str, factor: &str, group: &str, cards: &[String]| {
        two.world.host(&joined(&["bind", scope, "--factor", factor, "--group", group], cards))
    };
    // Before anybody's card is asked for; it names whom to replace.
    let says = ["would share", shared[0], shared[1], shared[2], "other people"];
    for scope in ["acme", "acme/web", "acme/web/prod"] {
        bind(scope, "mfa", "acme/keepers", &[]).refused(3, &says);
    }
    two.bind("acme", "mfa");
    bind("acme/lab", "password", "acme/second", &two.cards()).refused(3, &["acme/lab", "would share"]);
    bind("acme/web/spare", "password", "acme/second", &two.cards()).refused(3, &["acme/web/spare"]);
    bind("acme/lab", "password", "acme/keepers", &keepers).good();
    // What needs not be apart may be with either.
    bind("acme/lab", "file", "acme/keepers", &keepers).good();
    two.world.verified();
}
