//! What has to be refused: how each vector is made, and how one is replayed.

use super::{
    File,
    accept::{Estate, hex},
    rng::VectorRng,
};
use curve25519_dalek::{RistrettoPoint, Scalar, ristretto::CompressedRistretto};
use serde_json::{Map, Value, json};
use std::fmt::Debug;
use warifu::{
    hex::Bytes,
    name::{OrganisationId, Threshold},
    pvss::{
        Dealing, DealingContext, GateKey, GroupKeys, Quorum, ShareKeyPair, UntrustedShare, VerifiedDealing,
        deal, open_share, prove_possession, verify_ingredient, verify_possession,
    },
    secret::{SecretKey, SecretScalar},
    transcript::{Transcript, label},
};

pub const NOT_A_POINT: [u8; 32] = [0xff; 32];
/// ℓ itself: congruent to zero, and not canonical.
pub const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
pub const IDENTITY: [u8; 32] = [0; 32];

/// The name of the variant with which the operation refuses, or `None` if it accepts.
pub fn refusal(operation: &str, input: &Value) -> Option<String> {
    match operation {
        "group-keys" => named(group_keys(input)),
        "possession" => named(verify_possession(
            &bytes(input, "share_key"),
            &bytes(input, "g"),
            &bytes(input, "sign_key"),
            &bytes(input, "proof"),
        )),
        "dealing" => named(dealing(input)),
        "share" => named(share(input, &input["share"], &dealing(input).unwrap())),
        "open-share" => named(open(input)),
        "quorum" => named(quorum(input)),
        "ingredient" => named(verify_ingredient(
            &blob(&input["ingredient"]),
            &bytes(input, "public"),
            &bytes(input, "cred"),
            &bytes(input, "origin"),
            &bytes(input, "request"),
        )),
        other => super::reshare::refusal(other, input).unwrap_or_else(|| panic!("no operation {other}")),
    }
}

fn named<T, E: Debug>(outcome: Result<T, E>) -> Option<String> {
    let shown = format!("{:?}", outcome.err()?);
    let inner = shown.strip_prefix("Encoding(").unwrap_or(&shown);
    inner.split(|c: char| !c.is_alphanumeric()).next().map(str::to_owned)
}

pub fn bytes<const N: usize>(input: &Value, field: &str) -> Bytes<N> {
    Bytes::parse(input[field].as_str().unwrap()).unwrap()
}

pub fn blob(value: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn index(value: &Value) -> u8 {
    value["index"].as_u64().unwrap().try_into().unwrap()
}

pub fn group_keys(input: &Value) -> Result<GroupKeys, impl Debug> {
    let keys: Vec<_> =
        input["keys"].as_array().unwrap().iter().map(|key| Bytes(blob(key).try_into().unwrap())).collect();
    let number = |field: &str| input[field].as_u64().unwrap() as usize;
    GroupKeys::new(bytes(input, "g"), Threshold::new(number("t"), number("n")).unwrap(), &keys)
}

fn dealing(input: &Value) -> Result<VerifiedDealing, impl Debug + use<>> {
    let keys = group_keys(input).unwrap();
    let context = DealingContext::new(bytes(input, "cred"), &keys);
    let n = input["decode_for"].as_u64().map_or(keys.threshold().n(), |n| n as usize);
    Dealing::from_bytes(&blob(&input["dealing"]), n)?.verify(&context, &keys)
}

fn share(
    input: &Value,
    share: &Value,
    dealing: &VerifiedDealing,
) -> Result<warifu::pvss::VerifiedShare, impl Debug + use<>> {
    UntrustedShare::from_bytes(&blob(share))?.verify(dealing, index(input), &bytes(input, "request"))
}

fn open(input: &Value) -> Result<impl Sized + use<>, impl Debug + use<>> {
    let x = Scalar::from_canonical_bytes(bytes(input, "x").0).unwrap();
    let pair = ShareKeyPair::new(SecretScalar::new(x));
    let dealing = dealing(input).unwrap();
    open_share(&dealing, index(input), &pair, &bytes(input, "request"), &mut VectorRng::new("any"))
}

fn quorum(input: &Value) -> Result<Quorum, impl Debug + use<>> {
    let own = dealing(input).unwrap();
    let shares = input["shares"].as_array().unwrap().iter().map(|entry| {
        let mut of = input.clone();
        of["index"] = entry["index"].clone();
        if let Some(other) = entry.get("dealing") {
            of["dealing"] = other.clone();
        }
        share(&of, &entry["share"], &dealing(&of).unwrap()).unwrap()
    });
    Quorum::gather(&own, shares.collect())
}

/// A vector that is accepted, and the ways in which it is then broken.
pub struct Breaches {
    operation: &'static str,
    good: Value,
    pub files: Vec<File>,
}

impl Breaches {
    pub fn of(operation: &'static str, good: Value) -> Self {
        assert_eq!(refusal(operation, &good), None, "{operation}: the unbroken vector has to be accepted");
        Self { operation, good, files: Vec::new() }
    }

    /// The good input with `fields` replaced has to be refused with `error`.
    pub fn breach(&mut self, name: &str, error: &str, fields: Value) {
        let input = self.with(&fields);
        let vector = json!({
            "breach": name.replace('-', " "),
            "operation": self.operation,
            "error": error,
            "input": input,
        });
        self.files.push((name.to_owned(), vector));
    }

    /// The good input with `fields` replaced.
    pub fn with(&self, fields: &Value) -> Value {
        let mut input: Map<_, _> = self.good.as_object().unwrap().clone();
        input.extend(fields.as_object().unwrap().clone());
        Value::Object(input)
    }

    /// Every way in which the 32-byte parts of `field` can be wrong.
    pub fn parts(&mut self, field: &str, points: &[&str], scalar: &str) {
        let wire = blob(&self.good[field]);
        let of = self.operation;
        for (at, part) in points.iter().enumerate() {
            let mut negative = wire[at * 32..at * 32 + 32].to_vec();
            negative[0] |= 1;
            self.breach(&format!("{of}-{part}-altered"), "Proof", json!({field: hex(moved(&wire, at))}));
            self.breach(
                &format!("{of}-{part}-non-canonical"),
                "Point",
                json!({field: hex(put(&wire, at, &NOT_A_POINT))}),
            );
            self.breach(
                &format!("{of}-{part}-negative"),
                "Point",
                json!({field: hex(put(&wire, at, &negative))}),
            );
        }
        let at = points.len();
        let z = Scalar::from_canonical_bytes(wire[at * 32..].try_into().unwrap()).unwrap();
        let altered = put(&wire, at, (z + Scalar::ONE).as_bytes());
        self.breach(&format!("{of}-{scalar}-altered"), "Proof", json!({field: hex(altered)}));
        self.breach(
            &format!("{of}-{scalar}-non-canonical"),
            "Scalar",
            json!({field: hex(put(&wire, at, &ORDER))}),
        );
    }

    /// Every length next to the right one, and none.
    pub fn lengths(&mut self, field: &str) {
        self.lengths_of(self.operation, field);
    }

    /// The same, of a field that the operation is not called after.
    pub fn lengths_of(&mut self, name_of: &str, field: &str) {
        let wire = blob(&self.good[field]);
        let longer = |more: &[u8]| hex([&wire, more].concat());
        for (name, text) in [
            ("one-byte-short", hex(&wire[..wire.len() - 1])),
            ("one-trailing-byte", longer(&[0])),
            ("one-part-short", hex(&wire[..wire.len() - 32])),
            ("one-trailing-part", longer(&[0; 32])),
            ("empty", String::new()),
        ] {
            self.breach(&format!("{name_of}-{name}"), "Length", json!({field: text}));
        }
    }
}

/// `wire` with part `at` replaced.
pub fn put(wire: &[u8], at: usize, part: &[u8]) -> Vec<u8> {
    let mut changed = wire.to_vec();
    changed[at * 32..at * 32 + 32].copy_from_slice(part);
    changed
}

/// `wire` with the base point added to the point at `at`.
pub fn moved(wire: &[u8], at: usize) -> Vec<u8> {
    let point = CompressedRistretto::from_slice(&wire[at * 32..at * 32 + 32]).unwrap().decompress().unwrap();
    put(wire, at, (point + RistrettoPoint::mul_base(&Scalar::ONE)).compress().as_bytes())
}

/// `wire` with two parts exchanged.
fn swapped(wire: &[u8], one: usize, two: usize) -> Vec<u8> {
    let part = |at: usize| wire[at * 32..at * 32 + 32].to_vec();
    put(&put(wire, one, &part(two)), two, &part(one))
}

pub fn all() -> Vec<File> {
    let mut estate = Estate::new("reject", 3, 5);
    let context = DealingContext::new(estate.cred, &estate.keys);
    let (dealing, _) = deal(&context, &estate.keys.clone(), &mut estate.rng).unwrap();
    let mut files = of_group_keys(&estate);
    files.extend(of_possession(&mut estate));
    files.extend(of_dealings(&mut estate, &dealing));
    files.extend(of_full_quorum());
    files.extend(of_shares(&mut estate, &dealing));
    files.extend(of_quorums(&mut estate, &dealing));
    files.extend(of_ingredients(&mut estate, dealing.id()));
    files.extend(super::reshare::reject());
    files
}

pub fn group_fields(keys: &GroupKeys) -> Value {
    let threshold = keys.threshold();
    json!({"g": keys.g(), "t": threshold.t(), "n": threshold.n(), "keys": keys.keys()})
}

fn dealing_fields(estate: &Estate, dealing: &[u8]) -> Value {
    let mut fields = group_fields(&estate.keys);
    fields["cred"] = json!(estate.cred);
    fields["dealing"] = json!(hex(dealing));
    fields
}

fn of_group_keys(estate: &Estate) -> Vec<File> {
    let keys = estate.keys.keys();
    let mut of = Breaches::of("group-keys", group_fields(&estate.keys));
    let with = |at: usize, key: Bytes<32>| {
        let mut keys = keys.to_vec();
        keys[at] = key;
        json!({"keys": keys})
    };
    of.breach("group-keys-identity", "Identity", with(2, Bytes(IDENTITY)));
    of.breach("group-keys-non-canonical", "NotCanonical", with(4, Bytes(NOT_A_POINT)));
    of.breach("group-keys-repeated", "Repeated", with(3, keys[1]));
    of.breach("group-keys-one-missing", "Count", json!({"keys": keys[..4]}));
    of.breach("group-keys-one-too-many", "Count", json!({"keys": ([keys, &[Bytes([2; 32])]].concat())}));
    of.files
}

fn of_possession(estate: &mut Estate) -> Vec<File> {
    let (g, sign_key) = (*estate.keys.g(), Bytes(estate.rng.bytes::<32>()));
    let proof = prove_possession(&estate.pairs[0], &g, &sign_key, &mut estate.rng);
    let share_key = *estate.pairs[0].public();
    let good = json!({"g": g, "sign_key": sign_key, "share_key": share_key, "proof": proof});
    let mut of = Breaches::of("possession", good);
    of.parts("proof", &["commitment"], "response");
    of.breach("possession-of-the-identity", "Identity", json!({"share_key": Bytes(IDENTITY)}));
    of.breach("possession-of-a-non-canonical-key", "NotCanonical", json!({"share_key": Bytes(NOT_A_POINT)}));
    of.breach("possession-of-another-key", "Proof", json!({"share_key": estate.pairs[1].public()}));
    of.breach("possession-for-another-group", "Proof", json!({"g": Bytes([0; 64])}));
    of.breach("possession-for-another-signing-key", "Proof", json!({"sign_key": Bytes([0; 32])}));

    // The last member names a key that makes the keys add up to one it knows.
    let point = |key: &Bytes<32>| CompressedRistretto(key.0).decompress().unwrap();
    let known = SecretScalar::random(&mut estate.rng);
    let others: RistrettoPoint = estate.keys.keys().iter().map(point).sum();
    let rogue = Bytes((RistrettoPoint::mul_base(known.expose()) - others).compress().to_bytes());
    let forged = prove_possession(&ShareKeyPair::new(known), &g, &sign_key, &mut estate.rng);
    of.breach("possession-of-a-rogue-key", "Proof", json!({"share_key": rogue, "proof": forged}));
    of.files
}

fn of_dealings(estate: &mut Estate, dealing: &VerifiedDealing) -> Vec<File> {
    let wire = dealing.to_bytes();
    let mut of = Breaches::of("dealing", dealing_fields(estate, &wire));
    of.parts("dealing", &["d", "c1", "c2", "c3", "c4", "c5", "r1", "r2"], "z");
    of.lengths("dealing");
    of.breach("dealing-d-identity", "Identity", json!({"dealing": hex(put(&wire, 0, &IDENTITY))}));
    of.breach("dealing-shares-swapped", "Proof", json!({"dealing": hex(swapped(&wire, 1, 2))}));
    of.breach("dealing-commitments-swapped", "Proof", json!({"dealing": hex(swapped(&wire, 6, 7))}));

    let keys = estate.keys.keys().to_vec();
    let mut reordered = keys.clone();
    reordered.swap(0, 4);
    let mut replaced = keys.clone();
    replaced[1] = *ShareKeyPair::random(&mut estate.rng).public();
    let more = [keys.clone(), vec![replaced[1]]].concat();
    let fewer = &keys[..4];
    of.breach("dealing-under-another-credential", "Proof", json!({"cred": Bytes([0; 64])}));
    of.breach("dealing-under-another-group-id", "Proof", json!({"g": Bytes([0; 64])}));
    of.breach("dealing-under-a-lower-threshold", "Proof", json!({"t": 2}));
    of.breach("dealing-under-a-higher-threshold", "Proof", json!({"t": 4}));
    of.breach("dealing-under-keys-in-another-order", "Proof", json!({"keys": reordered}));
    of.breach("dealing-under-another-key", "Proof", json!({"keys": replaced}));
    of.breach("dealing-under-one-member-more", "Length", json!({"n": 6, "keys": more}));
    of.breach("dealing-under-one-member-fewer", "Length", json!({"n": 4, "keys": fewer}));
    of.breach("dealing-of-five-for-six", "Members", json!({"n": 6, "keys": more, "decode_for": 5}));
    of.breach("dealing-of-five-for-four", "Members", json!({"n": 4, "keys": fewer, "decode_for": 5}));
    of.breach("dealing-for-one-member", "Size", json!({"decode_for": 1}));
    of.breach("dealing-for-sixty-five-members", "Size", json!({"decode_for": 65}));

    by_cheating_dealers(&mut of, estate, &wire);
    of.files
}

/// Dealings with a fresh proof that is honest in all but the shares, and parts
/// of one credential's dealing in another's.
fn by_cheating_dealers(of: &mut Breaches, estate: &mut Estate, wire: &[u8]) {
    let (t, n) = (3, 5);
    let mut polynomial: Vec<_> = (0..=t).map(|_| Scalar::random(&mut estate.rng)).collect();
    let too_high = evaluate(&polynomial, n);
    polynomial.truncate(t);
    let right = evaluate(&polynomial, n);
    let with = |dealing: Vec<u8>| json!({"dealing": hex(dealing)});

    let honest = cheat(&estate.keys, &estate.cred, &right, &mut estate.rng);
    Breaches::of("dealing", dealing_fields(estate, &honest));
    of.breach(
        "dealing-of-too-high-degree",
        "Proof",
        with(cheat(&estate.keys, &estate.cred, &too_high, &mut estate.rng)),
    );
    let mut wrong = right.clone();
    wrong[3] += Scalar::ONE;
    of.breach(
        "dealing-with-one-wrong-share",
        "Proof",
        with(cheat(&estate.keys, &estate.cred, &wrong, &mut estate.rng)),
    );
    let mut crossed = right.clone();
    crossed.swap(0, 1);
    let crossed = cheat(&estate.keys, &estate.cred, &crossed, &mut estate.rng);
    of.breach("dealing-with-two-shares-dealt-crosswise", "Proof", with(crossed));

    let other = cheat(&estate.keys, &Bytes([0; 64]), &right, &mut estate.rng);
    of.breach("dealing-of-another-credential", "Proof", with(other.clone()));
    let lifted = put(wire, 0, &other[..32]);
    of.breach("dealing-d-lifted-from-another-credential", "Proof", with(lifted.clone()));
    let with_proof = [&lifted[..6 * 32], &other[6 * 32..]].concat();
    of.breach("dealing-d-and-proof-lifted-from-another-credential", "Proof", with(with_proof));
}

fn evaluate(polynomial: &[Scalar], n: usize) -> Vec<Scalar> {
    let at = |x: Scalar| polynomial.iter().rev().fold(Scalar::ZERO, |sum, next| sum * x + next);
    (1..=n as u64).map(|index| at(Scalar::from(index))).collect()
}

/// A dealer that deals whatever shares it likes and follows the protocol
/// otherwise; written from the specification and not from the library.
fn cheat(keys: &GroupKeys, cred: &Bytes<64>, shares: &[Scalar], rng: &mut VectorRng) -> Vec<u8> {
    let n = shares.len();
    let context = *DealingContext::new(*cred, keys).hash();
    let point = |key: &Bytes<32>| CompressedRistretto(key.0).decompress().unwrap();
    let keys_as_points: Vec<_> = keys.keys().iter().map(point).collect();
    let (d, r) = (Scalar::random(rng), Scalar::random(rng));
    let encode = |point: RistrettoPoint| point.compress().to_bytes();

    let first = encode(RistrettoPoint::mul_base(&d));
    let hidden =
        shares.iter().zip(&keys_as_points).map(|(share, key)| RistrettoPoint::mul_base(share) + d * key);
    let hidden: Vec<_> = hidden.map(encode).collect();
    let begun = |label| Transcript::new(label).part(context).part(first).list(&hidden);
    let mut u = RistrettoPoint::default();
    for (i, key) in (1..=n as u64).zip(&keys_as_points) {
        let others = (1..=n as u64).filter(|j| *j != i);
        let v: Scalar = others.map(|j| (Scalar::from(i) - Scalar::from(j)).invert()).product();
        let mut power = Scalar::ONE;
        let mut m = Scalar::ZERO;
        for j in 0..(n - keys.threshold().t()) as u64 {
            m += begun(label::DUAL).int(j).scalar() * power;
            power *= Scalar::from(i);
        }
        u += v * m * key;
    }
    let (r1, r2) = (encode(RistrettoPoint::mul_base(&r)), encode(r * u));
    let z = r + begun(label::DEALING).part(r1).part(r2).scalar() * d;
    [vec![first], hidden, vec![r1, r2, z.to_bytes()]].concat().concat()
}

/// With `n = t` any shares are consistent and `R2` has to be the identity.
fn of_full_quorum() -> Vec<File> {
    let mut estate = Estate::new("reject with all of three", 3, 3);
    let context = DealingContext::new(estate.cred, &estate.keys);
    let (dealing, _) = deal(&context, &estate.keys.clone(), &mut estate.rng).unwrap();
    let wire = dealing.to_bytes();
    let mut of = Breaches::of("dealing", dealing_fields(&estate, &wire));
    of.breach("dealing-to-all-of-three-r2-not-identity", "Proof", json!({"dealing": hex(moved(&wire, 5))}));
    of.files
}

fn of_shares(estate: &mut Estate, dealing: &VerifiedDealing) -> Vec<File> {
    let (one, two) = (estate.share(dealing, 1), estate.share(dealing, 2));
    let mut good = dealing_fields(estate, &dealing.to_bytes());
    good["request"] = json!(estate.request);
    good["index"] = json!(2);
    good["share"] = json!(hex(&two));
    let mut of = Breaches::of("share", good.clone());
    of.parts("share", &["a", "r1", "r2"], "z");
    of.lengths("share");
    of.breach("share-of-another-member", "Proof", json!({"share": hex(one)}));
    of.breach("share-at-another-index", "Proof", json!({"index": 1}));
    of.breach("share-at-index-zero", "NoSuchMember", json!({"index": 0}));
    of.breach("share-beyond-the-last-index", "NoSuchMember", json!({"index": 6}));
    of.breach("share-for-another-request", "Proof", json!({"request": Bytes([0; 64])}));
    of.breach("share-of-another-dealing", "Proof", json!({"dealing": hex(another(estate).to_bytes())}));

    let mut good = good;
    good["x"] = json!(hex(estate.secret(2).as_bytes()));
    let mut opening = Breaches::of("open-share", good);
    let other = json!({"x": hex(estate.secret(1).as_bytes())});
    opening.breach("open-share-with-another-members-key", "OtherKey", other);
    opening.breach("open-share-of-nobody", "NoSuchMember", json!({"index": 6}));
    of.files.extend(opening.files);
    of.files
}

/// Another dealing in the same context.
fn another(estate: &mut Estate) -> VerifiedDealing {
    let context = DealingContext::new(estate.cred, &estate.keys);
    deal(&context, &estate.keys.clone(), &mut estate.rng).unwrap().0
}

fn of_quorums(estate: &mut Estate, dealing: &VerifiedDealing) -> Vec<File> {
    let mut good = dealing_fields(estate, &dealing.to_bytes());
    let sent =
        |estate: &mut Estate, index| json!({"index": index, "share": hex(estate.share(dealing, index))});
    let (one, two, five) = (sent(estate, 1), sent(estate, 2), sent(estate, 5));
    good["request"] = json!(estate.request);
    good["shares"] = json!([five, one, two]);
    let mut of = Breaches::of("quorum", good);
    of.breach("quorum-one-share-missing", "TooFew", json!({"shares": [five, one]}));
    of.breach("quorum-without-shares", "TooFew", json!({"shares": []}));
    of.breach("quorum-with-one-member-twice", "Repeated", json!({"shares": [one, five, one]}));
    let stranger = another(estate);
    let foreign = json!({
        "index": 2,
        "share": hex(estate.share(&stranger, 2)),
        "dealing": hex(stranger.to_bytes()),
    });
    of.breach(
        "quorum-with-a-share-of-another-dealing",
        "OtherDealing",
        json!({"shares": [five, one, foreign]}),
    );
    of.files
}

fn of_ingredients(estate: &mut Estate, origin: &Bytes<64>) -> Vec<File> {
    let root = SecretKey::random(&mut estate.rng);
    let organisation = OrganisationId::random(&mut estate.rng);
    let gate = GateKey::derive(&root, &organisation, 1);
    let made = gate.ingredient(&estate.cred, origin, &estate.request, &mut estate.rng);
    let later = GateKey::derive(&root, &organisation, 2);
    let mut of = Breaches::of(
        "ingredient",
        json!({
            "public": gate.public(),
            "cred": estate.cred,
            "origin": origin,
            "request": estate.request,
            "ingredient": hex(made.proof.expose()),
        }),
    );
    of.parts("ingredient", &["q", "r1", "r2"], "z");
    of.lengths("ingredient");
    of.breach("ingredient-of-another-credential", "Proof", json!({"cred": Bytes([0; 64])}));
    of.breach("ingredient-of-another-origin", "Proof", json!({"origin": Bytes([0; 64])}));
    of.breach("ingredient-for-another-request", "Proof", json!({"request": Bytes([0; 64])}));
    of.breach("ingredient-under-another-gate-epoch", "Proof", json!({"public": later.public()}));
    of.breach("ingredient-under-the-identity", "Identity", json!({"public": Bytes(IDENTITY)}));
    of.breach("ingredient-under-a-non-canonical-key", "NotCanonical", json!({"public": Bytes(NOT_A_POINT)}));
    let wrong = later.ingredient(&estate.cred, origin, &estate.request, &mut estate.rng);
    of.breach("ingredient-of-another-gate-epoch", "Proof", json!({"ingredient": hex(wrong.proof.expose())}));
    of.files
}
