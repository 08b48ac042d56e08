//! The seeds: good ones from [`story`](crate::story), bad ones that each break
//! one rule and are named for it.

use crate::bodies::{LOG, WITNESS, key};
use crate::story::{Story, tell};
use data_encoding::BASE64;
use rand::{SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use warifu::event::{Entry, Line};
use warifu::hex::Bytes;
use warifu::log::checkpoint::{self, Checkpoint};
use warifu::log::entry::EntryBytes;
use warifu::log::merkle::{Frontier, inclusion_proof, leaf_hash, root};
use warifu::log::note::{Cosigner, LogSigner, Note, NoteText};
use warifu::log::proof_file::ProofFile;
use warifu::log::tile;
use warifu::log::witness::{AddCheckpoint, Answer};
use warifu::message::Message;
use warifu::name::Threshold;
use warifu::pvss::{self, DealingContext, GroupKeys, Resharing, ShareKeyPair};
use warifu::seal::card_file::UnlockedCard;
use warifu::seal::passphrase::KdfParams;
use warifu::secret::{SecretBytes, SecretKey};

/// One file of the corpus.
pub struct Seed {
    /// Its target.
    pub target: &'static str,
    /// Its name: `ok-…` is accepted, `bad-…` is not.
    pub name: String,
    /// Its contents.
    pub bytes: Vec<u8>,
}

/// Every seed, made anew.
pub fn all() -> Vec<Seed> {
    let story = tell();
    let mut seeds = Seeds(Vec::new());
    seeds.entries(&story);
    seeds.messages(&story);
    seeds.points(&story);
    seeds.resharing();
    seeds.records(&story);
    seeds.sealed_roots(&story);
    seeds.lists();
    seeds.costs();
    seeds.notes();
    seeds.verifier_keys();
    seeds.checkpoints(&story);
    seeds.frontiers();
    seeds.policies();
    seeds.witness();
    seeds.tile_paths();
    seeds.bundles(&story);
    seeds.proof_files(&story);
    seeds.provider();
    seeds.card_files(story);
    seeds.0
}

struct Seeds(Vec<Seed>);

impl Seeds {
    fn add(&mut self, target: &'static str, name: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push(Seed { target, name: name.to_owned(), bytes: bytes.into() });
    }

    fn many<const N: usize>(&mut self, target: &'static str, seeds: [(&str, Vec<u8>); N]) {
        seeds.into_iter().for_each(|(name, bytes)| self.add(target, name, bytes));
    }

    /// One line of each kind.
    fn entries(&mut self, story: &Story) {
        let mut kinds = BTreeSet::new();
        for line in story.lines.iter().chain(&story.recovery) {
            let Ok(Line::Known(entry)) = Entry::from_line(line) else { continue };
            if kinds.insert(entry.event.kind()) {
                self.add("entry", &format!("ok-{}", entry.event.kind()), line.as_bytes());
            }
        }
        let ended = |line: &&EntryBytes| line.as_str().contains("\"event\":{\"ended\"");
        let end = story.lines.iter().rfind(ended).expect("a ceremony has an end").as_str();
        let with = |from: &str, to: &str| {
            assert!(end.contains(from));
            end.replacen(from, to, 1).into_bytes()
        };
        self.many(
            "entry",
            [
                ("ok-newer-kind", with("ended", "renewed")),
                ("bad-space", with("\"v\":1,", "\"v\": 1,")),
                (
                    "bad-order",
                    with("\"v\":1,", "")
                        .strip_suffix(b"}")
                        .map(|b| [b, b",\"v\":1}"].concat())
                        .expect("an object"),
                ),
                ("bad-extra-field", with("\"how\"", "\"extra\":1,\"how\"")),
                ("bad-repeated-field", with("\"v\":1,", "\"v\":1,\"v\":1,")),
                ("bad-escape", with("closed", "\\u0063losed")),
                ("bad-upper-case-hexadecimal", end.to_uppercase().into_bytes()),
                ("bad-second-line", format!("{end}\n").into_bytes()),
                ("bad-array", format!("[{end}]").into_bytes()),
                ("bad-time-zone", with("Z\",\"actor\"", "+00:00\",\"actor\"")),
                ("bad-not-utf8", b"{\"v\":\"\xff\"}".to_vec()),
            ],
        );
    }

    /// Lists of accounts, in both forms.
    fn lists(&mut self) {
        let account = r#"{"Id":"123456789012","Arn":"arn:aws:organizations::1:account/o-1/123456789012","Email":"root@example.com","Name":"Webshop","Status":"ACTIVE","State":"ACTIVE","JoinedMethod":"CREATED","JoinedTimestamp":1.5}"#;
        let page = |accounts: &str, rest: &str| format!("{{\"Accounts\":[{accounts}]{rest}}}").into_bytes();
        self.many(
            "accounts",
            [
                ("ok-one", page(account, "")),
                ("ok-none", page("", ",\"NextToken\":null")),
                (
                    "ok-two-pages",
                    [page(account, ",\"NextToken\":\"x\""), page(r#"{"Id":"000000000001"}"#, "")].concat(),
                ),
                ("ok-byte-order-mark", [b"\xef\xbb\xbf".to_vec(), page(account, "")].concat()),
                ("bad-twice", page(&format!("{account},{account}"), "")),
                ("bad-eleven-digits", page(r#"{"Id":"12345678901"}"#, "")),
                ("bad-number", page(r#"{"Id":123456789012}"#, "")),
                ("bad-state", page(r#"{"Id":"123456789012","State":"LOST"}"#, "")),
                ("bad-other-list", b"{\"Roots\":[]}".to_vec()),
                ("bad-utf16", b"\xff\xfe{\0".to_vec()),
            ],
        );
        let header = "slug,name,provider,external_id,standing,login,password,notes\n";
        let rows = |rows: &str| format!("{header}{rows}").into_bytes();
        self.many(
            "csv",
            [
                (
                    "ok-with-password",
                    rows("prod,Webshop,aws,123456789012,in-use,root@example.com,Correct-Horse-7,\"a\nb\"\n"),
                ),
                ("ok-quoted", rows(",\"a, \"\"b\"\"\",gcp,x-1,closed,,,\r\n")),
                ("ok-few-columns", b"external_id;name\n123456789012;A\n".to_vec()),
                ("ok-carriage-returns", b"external_id\tname\r123456789012\tA\r".to_vec()),
                ("bad-quotation-mark", rows(",\"a,aws,123456789012,,,,\n")),
                ("bad-too-few-cells", rows("prod,Webshop,aws,123456789012\n")),
                ("bad-no-login", rows(",,aws,123456789012,,,Correct-Horse-7,\n")),
                ("bad-short-password", rows(",,aws,123456789012,,root@example.com,Ab1,\n")),
                ("bad-twice", rows(",,aws,123456789012,,,,\n,,aws,123456789012,,,,\n")),
                ("bad-no-header", b"123456789012,prod\n".to_vec()),
                ("bad-not-utf8", b"external_id,name\n123456789012,\xff\n".to_vec()),
            ],
        );
    }

    /// Exports of costs, in each format.
    fn costs(&mut self) {
        let head = "BilledCost,BillingCurrency,SubAccountId,ChargePeriodStart\n";
        let rows = |rows: &str| format!("{head}{rows}").into_bytes();
        let one = "0.10,USD,111122223333,2026-03-01T00:00:00Z\n";
        let cur =
            "lineItem/UnblendedCost,lineItem/CurrencyCode,lineItem/UsageAccountId,lineItem/UsageStartDate\n";
        let cur2 = "line_item_unblended_cost,line_item_currency_code,line_item_usage_account_id,line_item_usage_start_date\n";
        self.many(
            "costs",
            [
                ("ok-focus", rows(one)),
                ("ok-packed", packed(&rows(one))),
                ("ok-cur", format!("{cur}{one}").into_bytes()),
                ("ok-cur-2", format!("{cur2}-1.5E-7,EUR,1,2026-03-01 00:00:00.000\n").into_bytes()),
                ("ok-quoted", rows("\"1\",\"USD\",\"a\"\"b\r\n,c\",2026-03-01\r\n")),
                ("ok-no-account", rows("1,USD,,2026-03-01 00:00:00 UTC")),
                ("bad-columns", b"account,cost\n1,2\n".to_vec()),
                (
                    "bad-column-twice",
                    b"BilledCost,BillingCurrency,SubAccountId,ChargePeriodStart,BilledCost\n".to_vec(),
                ),
                ("bad-open-quote", rows(&format!("1,\"USD,1,2026-03-01\n{one}"))),
                ("bad-quote-within", rows("1,U\"SD,1,2026-03-01\n")),
                ("bad-cells", rows("1,USD,1\n")),
                ("bad-cost", rows("1,000,USD,1,2026-03-01\n")),
                ("bad-sum", rows(&"170000000000000,USD,1,2026-03-01\n".repeat(2))),
                ("bad-currency", rows("1,,1,2026-03-01\n")),
                ("bad-time", rows("1,USD,1,March\n")),
                ("bad-not-utf8", [rows("1,USD,"), b"\xff,2026-03-01\n".to_vec()].concat()),
                ("bad-empty", Vec::new()),
            ],
        );
    }

    fn messages(&mut self, story: &Story) {
        let Story { request, package, contributions, release, notices, .. } = story;
        self.message("request", "ok-with-ticket", request, "contribution");
        let mut plain = request.clone();
        plain.request.ticket = None;
        self.add("request", "ok-without-ticket", plain.encode());
        self.message("package", "ok-current", package, "request");
        let mut empty = package.clone();
        (empty.entries, empty.dealings, empty.texts) = Default::default();
        self.add("package", "ok-empty-lists", empty.encode());
        let first = contributions.first().expect("two contributions");
        self.message("contribution", "ok-one-target", first, "release");
        self.message("release", "ok-that-opens", release, "package");
        let (asked, answered) = &story.recovery_messages;
        self.message("recovery_request", "ok-story", asked, "request");
        self.message("recovery_contribution", "ok-story", answered, "contribution");
        let (asked, answered) = &story.drill;
        self.message("drill_package", "ok-story", asked, "package");
        self.message("drill_answer", "ok-story", answered, "contribution");
        let (given, dealt) = &story.reshare;
        self.message("reshare_request", "ok-story", &given.signed, "request");
        self.message("reshare_package", "ok-story", given, "package");
        self.message("redealings", "ok-story", dealt, "contribution");
        let (file, answer, signatures) = &story.reshare_files;
        self.message("reshare_file", "ok-second-round", file, "package");
        let mut first = file.clone();
        first.parts.clear();
        self.add("reshare_file", "ok-first-round", first.encode());
        self.message("reshare_answer", "ok-story", answer, "contribution");
        self.message("reshare_signatures", "ok-story", signatures, "contribution");
        self.message("notice", "ok-one-bad-share-and-shown", notices, "request");
        let mut unshown = notices.clone();
        unshown.revealed = None;
        self.add("notice", "ok-one-bad-share", unshown.encode());
    }

    /// A good message, and what no message may be.
    fn message<M: Message>(&mut self, target: &'static str, name: &str, message: &M, other: &str) {
        let good = message.encode();
        let text = String::from_utf8(good.clone()).expect("JSON is UTF-8");
        let with = |from: &str, to: &str| {
            assert!(text.contains(from));
            text.replacen(from, to, 1).into_bytes()
        };
        self.many(
            target,
            [
                (name, good.clone()),
                ("bad-space", with(":", ": ")),
                ("bad-newer-version", with("\"version\":1", "\"version\":2")),
                ("bad-older-version", with("\"version\":1", "\"version\":0")),
                ("bad-other-kind", with(M::KIND, other)),
                ("bad-extra-field", with("\"body\":", "\"extra\":1,\"body\":")),
                ("bad-extra-field-inside", with("\"body\":{", "\"body\":{\"extra\":1,")),
                ("bad-trailing-newline", [&good[..], b"\n"].concat()),
                ("bad-cut-short", good.get(..good.len() / 2).expect("shorter").to_vec()),
            ],
        );
    }

    /// What a resharing from 2 of 3 to 2 of 2 leaves, and one link proof of it.
    fn resharing(&mut self) {
        let rng = &mut StdRng::seed_from_u64(21);
        let mut group = |g: u8, n: usize| {
            let pairs: Vec<_> = (0..n).map(|_| ShareKeyPair::random(rng)).collect();
            let keys: Vec<_> = pairs.iter().map(|pair| *pair.public()).collect();
            let threshold = Threshold::new(2, n).expect("2 of a few");
            (pairs, GroupKeys::new(Bytes([g; 64]), threshold, &keys).expect("random keys"))
        };
        let ((pairs, old), (_, new)) = (group(1, 3), group(2, 2));
        let context = DealingContext::new(Bytes([3; 64]), &old);
        let (dealing, _) = pvss::deal(&context, &old, rng).expect("the context's keys");
        let resharing = Resharing::new(dealing, &new);
        let verified: Vec<_> = (1u8..)
            .zip(&pairs)
            .take(2)
            .map(|(index, pair)| {
                let (redealing, link) = resharing.redeal(index, pair, rng).expect("a member's key");
                if index == 1 {
                    self.link_proofs(&link.to_bytes());
                }
                resharing.verify(redealing, link).expect("an honest member")
            })
            .collect();
        let good = resharing.gather(verified).expect("two of three").record().to_bytes();
        self.add("reshared", "ok-from-two-of-three", good.clone());
        let set = |at: usize, bytes: &[u8]| {
            let mut changed = good.clone();
            changed.get_mut(at..at + bytes.len()).expect("inside").copy_from_slice(bytes);
            changed
        };
        let second = 67 + 1 + 32 * 6;
        self.many(
            "reshared",
            [
                ("bad-empty", Vec::new()),
                ("bad-later-version", set(0, &[3])),
                ("bad-even-version", set(0, &[2])),
                ("bad-threshold", set(2, &[1])),
                ("bad-group-of-65", set(2, &[65])),
                ("bad-higher-threshold", set(1, &[3])),
                ("bad-index-zero", set(67, &[0])),
                ("bad-index-beyond", set(second, &[4])),
                ("bad-repeated-index", set(second, &[1])),
                ("bad-descending-index", set(67, &[3])),
                ("bad-identity", set(68, &[0; 32])),
                ("bad-point", set(100, &[0xff; 32])),
                ("bad-scalar", set(good.len() - 32, &[0xff; 32])),
                ("bad-trailing-byte", [&good[..], &[0]].concat()),
                ("bad-cut-short", good.get(..good.len() - 1).expect("shorter").to_vec()),
                ("bad-one-missing", good.get(..second).expect("shorter").to_vec()),
            ],
        );
    }

    fn link_proofs(&mut self, good: &[u8]) {
        self.add("link_proof", "ok-of-one", good);
        let fill = |at: usize| {
            let mut bytes = good.to_vec();
            bytes.get_mut(at..at + 32).expect("a part").fill(0xff);
            bytes
        };
        self.many(
            "link_proof",
            [
                ("bad-empty", Vec::new()),
                ("bad-point", fill(64)),
                ("bad-first-scalar", fill(96)),
                ("bad-second-scalar", fill(128)),
                ("bad-trailing-byte", [good, &[0]].concat()),
                ("bad-cut-short", good.get(..159).expect("shorter").to_vec()),
            ],
        );
    }

    fn points(&mut self, story: &Story) {
        let [dealing, share] = [story.dealing.to_bytes(), story.share.expose().to_vec()];
        self.add("dealing", "ok-for-three", dealing.clone());
        self.add("share", "ok-opened", share.clone());
        let put = |bytes: &[u8], at: usize, fill: u8| {
            let mut bytes = bytes.to_vec();
            bytes.get_mut(at..at + 32).expect("a part").fill(fill);
            bytes
        };
        self.many(
            "dealing",
            [
                ("bad-identity", put(&dealing, 0, 0)),
                ("bad-group-of-one", dealing.get(..160).expect("five parts").to_vec()),
                ("bad-group-of-65", dealing.get(..32).expect("a part").repeat(69)),
            ],
        );
        for (target, good) in [("dealing", dealing), ("share", share)] {
            let last = good.len() - 32;
            self.many(
                target,
                [
                    ("bad-empty", Vec::new()),
                    ("bad-trailing-byte", [&good[..], &[0]].concat()),
                    ("bad-cut-short", good.get(..last + 31).expect("shorter").to_vec()),
                    ("bad-point", put(&good, 32, 0xff)),
                    ("bad-negative-point", put(&good, 32, 1)),
                    ("bad-scalar", put(&good, last, 0xff)),
                ],
            );
        }
    }

    fn records(&mut self, story: &Story) {
        let good = story.sealed.to_bytes();
        let version = |version: u8| [&[version], good.get(1..).expect("longer")].concat();
        self.many(
            "record",
            [
                ("ok-smallest", good.clone()),
                ("bad-empty", Vec::new()),
                ("bad-version-0", version(0)),
                ("bad-version-2", version(2)),
                ("bad-no-bucket", [&good[..], &[0]].concat()),
                ("bad-cut-short", good.get(..40).expect("shorter").to_vec()),
            ],
        );
    }

    fn sealed_roots(&mut self, story: &Story) {
        let good = &story.sealed_root;
        let version = |version: u8| [&[version], good.get(1..).expect("longer")].concat();
        self.many(
            "sealed_root",
            [
                ("ok-story", good.clone()),
                ("bad-empty", Vec::new()),
                ("bad-version-0", version(0)),
                ("bad-version-3", version(3)),
                ("bad-version-1", version(1)),
                ("ok-version-1", version(1).get(..57 + 48).expect("longer").to_vec()),
                ("bad-trailing-byte", [&good[..], &[0]].concat()),
                ("bad-cut-short", good.get(..good.len() - 1).expect("shorter").to_vec()),
            ],
        );
    }

    fn notes(&mut self) {
        let text = NoteText::new(format!("{LOG}\n3\n{}\n", BASE64.encode(&[7; 32]))).expect("a text");
        let log = LogSigner::new(LOG, key()).expect("a good name");
        let witness = Cosigner::new(WITNESS, key()).expect("a good name");
        let mut note = Note::new(text.clone(), log.sign(&text));
        let one = note.to_string();
        note.add(witness.cosign(&text, 1_772_355_600).expect("a time")).expect("room");
        let two = note.to_string();
        let with = |from: &str, to: &str| {
            assert!(one.contains(from));
            one.replacen(from, to, 1).into_bytes()
        };
        self.many(
            "note",
            [
                ("ok-signed", one.clone().into_bytes()),
                ("ok-cosigned", two.into_bytes()),
                ("ok-wrong-signature", with("\n3\n", "\n4\n")),
                ("bad-unsigned", text.as_str().as_bytes().to_vec()),
                ("bad-hyphen", with("—", "-")),
                ("bad-carriage-return", with("\n", "\r\n")),
                ("bad-last-line", one.trim_end().as_bytes().to_vec()),
                ("bad-two-spaces", with("— ", "—  ")),
                ("bad-unpadded-base64", format!("{}\n", one.trim_end().trim_end_matches('=')).into_bytes()),
                ("bad-101-signatures", hundred_and_one(&one)),
            ],
        );
    }

    fn verifier_keys(&mut self) {
        let log = LogSigner::new(LOG, key()).expect("a good name").verifier().to_string();
        let witness = Cosigner::new(WITNESS, key()).expect("a good name").verifier().to_string();
        let other = |kind: u8, public: [u8; 32]| {
            let encoded = [&[kind], &public[..]].concat();
            let id: [u8; 32] = Sha256::digest([LOG.as_bytes(), b"\n", &encoded].concat()).into();
            format!(
                "{LOG}+{}+{}",
                Bytes::<4>::from_slice(id.get(..4).expect("32")).expect("4"),
                BASE64.encode(&encoded)
            )
        };
        let neutral = std::array::from_fn(|at| u8::from(at == 0));
        self.many(
            "verifier_key",
            [
                ("ok-log", log.clone().into_bytes()),
                ("ok-cosigner", witness.into_bytes()),
                ("bad-other-name", log.replace("log+", "dog+").into_bytes()),
                ("bad-type", other(2, [7; 32]).into_bytes()),
                ("bad-small-order", other(1, neutral).into_bytes()),
                ("bad-non-canonical", other(1, [0xff; 32]).into_bytes()),
                ("bad-space-in-name", log.replace('/', " ").into_bytes()),
                ("bad-newline", format!("{log}\n").into_bytes()),
                ("bad-name-alone", LOG.as_bytes().to_vec()),
            ],
        );
    }

    fn checkpoints(&mut self, story: &Story) {
        self.add("checkpoint", "ok-of-a-package", story.package.checkpoint.clone());
        self.add("checkpoint", "ok-of-a-release", story.release.checkpoint.clone());
        let root = BASE64.encode(&[7; 32]);
        let signed = |text: String| {
            let text = NoteText::new(text).expect("a text");
            let signature = LogSigner::new(LOG, key()).expect("a good name").sign(&text);
            Note::new(text, signature).to_string().into_bytes()
        };
        let with_size = |size: &str| signed(format!("{LOG}\n{size}\n{root}\n"));
        self.many(
            "checkpoint",
            [
                ("ok-empty-log", with_size("0")),
                ("ok-largest", with_size("18446744073709551615")),
                ("bad-size-too-large", with_size("18446744073709551616")),
                ("bad-leading-zero", with_size("01")),
                ("bad-sign", with_size("+1")),
                ("bad-extension-line", signed(format!("{LOG}\n1\n{root}\nmore\n"))),
                ("bad-no-origin", signed(format!("\n1\n{root}\n"))),
                ("bad-short-root", signed(format!("{LOG}\n1\n{}\n", BASE64.encode(&[7; 31])))),
                ("bad-loose-bits", signed(format!("{LOG}\n1\n{}\n", root.replace("c=", "d=")))),
                ("bad-unsigned", format!("{LOG}\n1\n{root}\n").into_bytes()),
            ],
        );
    }

    fn frontiers(&mut self) {
        let mut tree = Frontier::new();
        self.add("frontier", "ok-empty", tree.to_bytes());
        tree.extend((0..11u8).map(|entry| leaf_hash(&[entry])));
        let good = tree.to_bytes();
        self.many(
            "frontier",
            [
                ("ok-eleven", good.clone()),
                ("bad-no-size", vec![0; 7]),
                ("bad-trailing-byte", [&good[..], &[0]].concat()),
                ("bad-one-peak-too-many", [&good[..], &[0; 32]].concat()),
                ("bad-one-peak-too-few", good.get(..good.len() - 32).expect("three peaks").to_vec()),
            ],
        );
    }

    fn policies(&mut self) {
        let log = LogSigner::new(LOG, key()).expect("a good name").verifier().to_string();
        let witness = Cosigner::new(WITNESS, key()).expect("a good name").verifier().to_string();
        let one = format!("witness w {witness} https://witness.example/\n");
        let whole = format!("# ours\nlog {log}\n\n{one}group\tg 1 w\n quorum g \n");
        self.many(
            "policy",
            [
                ("ok-whole", whole.clone().into_bytes()),
                ("ok-none", b"quorum none\n".to_vec()),
                ("bad-empty", Vec::new()),
                ("bad-last-line", whole.trim_end().as_bytes().to_vec()),
                ("bad-carriage-return", whole.replace('\n', "\r\n").into_bytes()),
                ("bad-second-quorum", format!("{whole}quorum w\n").into_bytes()),
                ("bad-log-as-witness", format!("witness l {log}\nquorum l\n").into_bytes()),
                ("bad-key-twice", format!("{one}witness v {witness}\nquorum v\n").into_bytes()),
                ("bad-threshold", whole.replace("g 1 w", "g 2 w").into_bytes()),
                ("bad-member-twice", whole.replace("g 1 w", "g 1 w w").into_bytes()),
                ("bad-later-definition", format!("quorum w\n{one}").into_bytes()),
                ("bad-unknown-line", format!("{whole}relay r\n").into_bytes()),
            ],
        );
    }

    fn witness(&mut self) {
        let mut tree = Frontier::new();
        tree.extend((0..7u8).map(|entry| leaf_hash(&[entry])));
        let signer = LogSigner::new(LOG, key()).expect("a good name");
        let text =
            NoteText::new(format!("{LOG}\n7\n{}\n", BASE64.encode(tree.root().as_ref()))).expect("a text");
        let note = Note::new(text.clone(), signer.sign(&text));
        let good =
            AddCheckpoint::new(4, vec![Bytes([7; 32]); 3], note.clone()).expect("a checkpoint").to_string();
        let with = |from: &str, to: &str| {
            assert!(good.contains(from));
            good.replacen(from, to, 1).into_bytes()
        };
        let line = format!("{}\n", BASE64.encode(&[7; 32]));
        self.many(
            "add_checkpoint",
            [
                ("ok-extension", good.clone().into_bytes()),
                (
                    "ok-first",
                    AddCheckpoint::new(0, Vec::new(), note).expect("a checkpoint").to_string().into_bytes(),
                ),
                ("bad-empty", Vec::new()),
                ("bad-leading-zero", with("old 4", "old 04")),
                ("bad-no-old", with("old 4\n", "")),
                ("bad-hash", with("=\n", "\n")),
                ("bad-64-lines", with(&line, &line.repeat(62))),
                ("bad-no-empty-line", with("\n\n", "\n")),
                ("bad-extension-line", with(&format!("{LOG}\n7\n"), &format!("{LOG}\n7\nmore\n"))),
                ("bad-trailing-line", format!("{good}\n").into_bytes()),
            ],
        );
        let cosigner = Cosigner::new(WITNESS, key()).expect("a good name");
        let cosigned = Answer::Cosigned(vec![cosigner.cosign(&text, 1).expect("a time")]).body();
        self.many(
            "witness_answer",
            [
                ("ok-cosigned", format!("200{cosigned}").into_bytes()),
                ("ok-conflict", b"4097\n".to_vec()),
                ("ok-not-extended", b"422in other words".to_vec()),
                ("bad-no-lines", b"200".to_vec()),
                ("bad-last-line", format!("200{}", cosigned.trim_end()).into_bytes()),
                ("bad-hyphen", format!("200{}", cosigned.replace('\u{2014}', "-")).into_bytes()),
                ("bad-size", b"40907\n".to_vec()),
                ("bad-status", b"500\n".to_vec()),
            ],
        );
    }

    fn tile_paths(&mut self) {
        let seeds = [
            ("ok-first", "tile/0/000"),
            ("ok-partial", "tile/1/273.p/112"),
            ("ok-entries", "tile/entries/x001/x234/067"),
            ("ok-highest", "tile/7/000.p/255"),
            ("bad-whole-as-partial", "tile/0/000.p/256"),
            ("bad-empty-tile", "tile/0/000.p/0"),
            ("bad-zero-before-width", "tile/0/000.p/01"),
            ("bad-zero-before-level", "tile/00/000"),
            ("bad-level", "tile/8/000.p/1"),
            ("bad-short-group", "tile/0/1"),
            ("bad-group-without-x", "tile/0/001/234"),
            ("bad-zeros-before-index", "tile/0/x000/001"),
            ("bad-beyond-any-log", "tile/0/x072/x057/x594/x037/x927/936"),
            ("bad-parent", "tile/0/../0/000"),
            ("bad-absolute", "/tile/0/000"),
        ];
        seeds.into_iter().for_each(|(name, path)| self.add("tile_path", name, path));
    }

    fn bundles(&mut self, story: &Story) {
        let good = tile::encode_bundle(&story.lines);
        let brace = EntryBytes::new(b"{}".to_vec()).expect("an object");
        self.many(
            "bundle",
            [
                ("ok-story", good.clone()),
                ("ok-256-entries", tile::encode_bundle(&vec![brace.clone(); 256])),
                ("bad-257-entries", tile::encode_bundle(&vec![brace; 257])),
                ("bad-empty", Vec::new()),
                ("bad-empty-entry", vec![0, 0]),
                ("bad-half-a-length", [&good[..], &[0]].concat()),
                ("bad-cut-short", good.get(..good.len() - 1).expect("longer").to_vec()),
                ("bad-little-endian", b"\x02\0{}".to_vec()),
                ("bad-newline", b"\0\x03{}\n".to_vec()),
            ],
        );
    }

    fn proof_files(&mut self, story: &Story) {
        let leaves: Vec<_> = story.lines.iter().map(EntryBytes::leaf_hash).collect();
        let size = leaves.len() as u64;
        let log = LogSigner::new(LOG, key()).expect("a good name");
        let state = Checkpoint { origin: LOG.to_owned(), size, root: root(&leaves) };
        let good = ProofFile {
            extra: story.lines.get(3).map(|line| line.as_bytes().to_vec()),
            index: 3,
            hashes: inclusion_proof(&leaves, 3, size).expect("it is inside"),
            checkpoint: checkpoint::sign(&state, &log).expect("its own name"),
        };
        let text = good.to_string();
        let with = |from: &str, to: &str| {
            assert!(text.contains(from));
            text.replacen(from, to, 1).into_bytes()
        };
        let extra_line = text.lines().nth(1).expect("an extra line").to_owned();
        self.many(
            "proof_file",
            [
                ("ok-entry", text.clone().into_bytes()),
                ("ok-without-extra", ProofFile { extra: None, ..good.clone() }.to_string().into_bytes()),
                ("ok-proves-nothing", ProofFile { index: 4, ..good.clone() }.to_string().into_bytes()),
                ("bad-newer-version", with("@v1", "@v2")),
                ("bad-empty-extra", with(&extra_line, "extra ")),
                ("bad-zero-before-index", with("index 3", "index 03")),
                ("bad-no-index", with("index 3\n", "")),
                ("bad-short-hash", with("index 3\n", "index 3\nAAAA\n")),
                (
                    "bad-65-hashes",
                    ProofFile { hashes: vec![Bytes([7; 32]); 65], ..good }.to_string().into_bytes(),
                ),
                ("bad-no-empty-line", with("\n\n", "\n")),
                ("bad-unsigned", text.rsplit_once("\n\n").expect("a signed note").0.as_bytes().to_vec()),
                ("bad-trailing-line", format!("{text}\n").into_bytes()),
            ],
        );
    }

    fn card_files(&mut self, story: Story) {
        let mut rng = StdRng::seed_from_u64(2);
        let passphrase = SecretBytes::new(b"a passphrase of seeds".to_vec());
        let card =
            UnlockedCard::protect(story.card, &passphrase, KdfParams::FLOOR, &mut rng).expect("memory");
        let good = card.armour(&mut rng);
        let line = good.lines().nth(2).expect("many lines");
        let wrapped = UnlockedCard::wrapped(card.into_card(), SecretKey::random(&mut rng), vec![7; 200]);
        let wrapped = wrapped.expect("short enough").armour(&mut rng);
        self.many(
            "card_file",
            [
                ("ok-floor", good.clone().into_bytes()),
                ("bad-empty", Vec::new()),
                ("bad-other-armour", good.replace("CARD", "KEY").into_bytes()),
                ("bad-no-end", good.replace("END", "").into_bytes()),
                ("bad-line-lost", good.replace(&format!("{line}\n"), "").into_bytes()),
                ("bad-line-breaks", good.replace('\n', "\r\n").into_bytes()),
                ("bad-text-before", format!("Here is my card:\n{good}").into_bytes()),
                ("ok-wrapped", wrapped.clone().into_bytes()),
                ("bad-version-3", card_with(&good, 6, 3)),
                ("bad-wrapped-key-of-no-length", card_with(&good, 6, 2)),
                ("bad-wrapped-key-longer-than-the-file", card_with(&wrapped, 7, 255)),
                ("bad-wrapped-key-a-byte-short", card_with(&wrapped, 8, 199)),
                ("bad-too-much-memory", card_with(&good, 7, 1)),
                ("bad-below-the-floor", card_with(&good, 11, 1)),
                ("bad-magic", card_with(&good, 0, b'W')),
            ],
        );
    }

    /// Files of the provider, in its shapes.
    fn provider(&mut self) {
        let events = include_bytes!("../fixtures/root-events.json").to_vec();
        let one = r#"{"eventVersion":"1.08","eventTime":"2026-03-01T09:00:00Z","eventName":"ConsoleLogin","userIdentity":{"type":"Root","accountId":"111122223333"},"eventID":"1"}"#;
        let listed = |record: &str| format!("{{\"Records\":[{one},{record}]}}").into_bytes();
        let cut = |bytes: &[u8]| bytes.get(..bytes.len() - 9).expect("longer").to_vec();
        self.many(
            "cloudtrail",
            [
                ("ok-root-events", events.clone()),
                ("ok-packed", packed(&events)),
                ("ok-lines", format!("{one}\n{one}\n").into_bytes()),
                ("ok-array", format!("[{one},{one}]").into_bytes()),
                ("bad-empty", Vec::new()),
                ("bad-cut-short", cut(&events)),
                ("bad-packed-cut-short", cut(&packed(&events))),
                ("bad-no-json", listed("{\"eventVersion\":}")),
                ("bad-no-time", listed("{\"eventName\":\"ConsoleLogin\"}")),
                ("bad-no-account", listed(&one.replace("111122223333", "1"))),
                ("bad-text-between", format!("{one}\nx\n{one}").into_bytes()),
            ],
        );
        let head = "user,arn,password_last_used,mfa_active,access_key_1_active,access_key_2_active\n";
        let report = |row: &str| format!("{head}{row}\n").into_bytes();
        let row = "<root_account>,arn:aws:iam::111122223333:root,2026-03-01T09:00:00+00:00,true,false,N/A";
        self.many(
            "credential_report",
            [
                ("ok-used", report(row)),
                ("ok-says-nothing", report(&row.replace("2026-03-01T09:00:00+00:00", "no_information"))),
                ("bad-empty", Vec::new()),
                ("bad-no-root", report("anaya,arn:aws:iam::111122223333:user/anaya,N/A,true,false,false")),
                ("bad-two-roots", report(&format!("{row}\n{row}"))),
                ("bad-no-account", report(&row.replace("111122223333", "1"))),
                ("bad-time", report(&row.replace("2026-03-01T", "yesterday "))),
                ("bad-flag", report(&row.replace("true", "perhaps"))),
            ],
        );
    }
}

/// Packed as the provider packs.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packer, bytes).expect("memory");
    packer.finish().expect("memory")
}

/// A note with its signature line 101 times.
fn hundred_and_one(note: &str) -> Vec<u8> {
    let (text, line) = note.rsplit_once("\n\n").expect("a signed note");
    format!("{text}\n\n{}", line.repeat(101)).into_bytes()
}

/// A card file with one byte behind its armour changed and the checksum right.
fn card_with(armour: &str, at: usize, value: u8) -> Vec<u8> {
    let lines: Vec<_> = armour.lines().collect();
    let (Some((begin, rest)), Some(end)) = (lines.split_first(), lines.last()) else { return Vec::new() };
    let inside = rest.split_last().expect("an end").1.concat();
    let mut body = BASE64.decode(inside.as_bytes()).expect("a card's base64");
    body.truncate(body.len() - 4);
    *body.get_mut(at).expect("a header") = value;
    let checksum: [u8; 32] = Sha256::digest(&body).into();
    body.extend_from_slice(checksum.get(..4).expect("32"));
    let text = BASE64.encode(&body);
    let wrapped: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("{begin}\n{}\n{end}\n", wrapped.join("\n")).into_bytes()
}
