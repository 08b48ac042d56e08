//! Resharing: what has to come out, and what has to be refused. What a contributor
//! proves is written here a second time, from the specification, so that one that
//! cheats can be played.

use super::{
    File,
    accept::{Estate, hex, scalar},
    reject::{Breaches, IDENTITY, NOT_A_POINT, ORDER, blob, bytes, group_fields, group_keys, moved, put},
    rng::VectorRng,
};
use curve25519_dalek::{RistrettoPoint, Scalar, ristretto::CompressedRistretto};
use serde_json::{Value, json};
use std::fmt::Debug;
use warifu::{
    hex::Bytes,
    name::Threshold,
    pvss::{
        ClaimedDealing, DealingContext, DealingError, GroupKeys, LinkProof, Redealing, ReshareError,
        ResharedDealing, Resharing, ShareKeyPair, VerifiedDealing, VerifiedRedealing, deal, open_share,
        reshared_digest,
    },
    secret::SecretScalar,
    transcript::{Transcript, label},
};

/// A resharing of one dealing: the old group, the new one, and what is dealt.
struct Move {
    old: Estate,
    dealing: VerifiedDealing,
    to: GroupKeys,
    /// `x'_1 … x'_n'`.
    x: Vec<Scalar>,
}

impl Move {
    fn new(seed: &str, (t, n): (usize, usize), (new_t, new_n): (usize, usize)) -> Self {
        let mut old = Estate::new(seed, t, n);
        let g = Bytes(old.rng.bytes());
        let x: Vec<_> = (0..new_n).map(|_| scalar(&mut old.rng)).collect();
        let keys: Vec<_> = x.iter().map(|x| *pair(x).public()).collect();
        let to = GroupKeys::new(g, Threshold::new(new_t, new_n).unwrap(), &keys).unwrap();
        let dealing = another(&mut old);
        Self { old, dealing, to, x }
    }

    fn resharing(&self) -> Resharing {
        Resharing::new(self.dealing.clone(), &self.to)
    }

    fn redeal(&mut self, index: u8) -> (Redealing, LinkProof) {
        let pair = &self.old.pairs[usize::from(index) - 1];
        self.resharing().redeal(index, pair, &mut self.old.rng).unwrap()
    }

    fn gather(&self, sent: &[(Redealing, LinkProof)]) -> ResharedDealing {
        let resharing = self.resharing();
        let verified = sent.iter().map(|(one, link)| resharing.verify(one.clone(), link.clone()).unwrap());
        resharing.gather(verified.collect()).unwrap()
    }

    fn fields(&self) -> Value {
        json!({
            "cred": self.old.cred,
            "old": group_fields(&self.old.keys),
            "dealing": hex(self.dealing.to_bytes()),
            "new": group_fields(&self.to),
        })
    }
}

fn pair(x: &Scalar) -> ShareKeyPair {
    ShareKeyPair::new(SecretScalar::new(*x))
}

/// Another dealing to the same group.
fn another(estate: &mut Estate) -> VerifiedDealing {
    let context = DealingContext::new(estate.cred, &estate.keys);
    deal(&context, &estate.keys.clone(), &mut estate.rng).unwrap().0
}

pub fn accept() -> Vec<File> {
    let sizes = [((2, 2), (2, 2)), ((3, 5), (5, 9)), ((3, 5), (2, 3)), ((2, 3), (3, 3))];
    let named = sizes.map(|(from, to)| {
        let name = format!("reshare-{}-of-{}-to-{}-of-{}", from.0, from.1, to.0, to.1);
        let vector = comes_out(Move::new(&name.replace('-', " "), from, to));
        (name, vector)
    });
    named.into()
}

fn comes_out(mut of: Move) -> Value {
    let (t, n) = (of.old.keys.threshold().t(), of.old.keys.threshold().n());
    // The last `t` of the old group.
    let indices: Vec<_> = (n - t + 1..=n).map(|index| index as u8).collect();
    let sent: Vec<_> = indices.iter().map(|index| of.redeal(*index)).collect();
    let made = of.gather(&sent);
    let verified = made.verified();
    let sum = sum(&indices, &sent);
    let request = of.old.request;
    let shares: Vec<_> = (1u8..)
        .zip(&of.x)
        .map(|(index, x)| open_share(&verified, index, &pair(x), &request, &mut of.old.rng).unwrap())
        .collect();
    for ((share, x), hidden) in shares.iter().zip(&of.x).zip(&sum[1..]) {
        assert_eq!(share.expose()[..32], (hidden - x * sum[0]).compress().to_bytes());
    }
    let mut vector = of.fields();
    let more = json!({
        "what": "a dealing and its resharing; from the stream: the old g, cred, request, x_1 … x_n, the new g, its x_1 … x_n', s, the coefficients, d and the nonce of the old dealing; for each contributor the coefficients of X … X^(t'-1), d, the own proof's nonce and those of z_d and z_x; a nonce a share",
        "seed": of.old.seed,
        "request": request,
        "x": (1..=n).map(|index| hex(of.old.secret(index).as_bytes())).collect::<Vec<_>>(),
        "new_x": of.x.iter().map(|x| hex(x.as_bytes())).collect::<Vec<_>>(),
        "prev": of.dealing.id(),
        "indices": indices,
        "redealings": sent.iter().map(|(one, _)| hex(one.to_bytes())).collect::<Vec<_>>(),
        "link_proofs": sent.iter().map(|(_, link)| hex(link.to_bytes())).collect::<Vec<_>>(),
        "id": made.id(),
        "links": made.links(),
        "signed": reshared_digest(&request, &[(*made.id(), *made.links())]),
        "record": hex(made.record().to_bytes()),
        "sum": sum.iter().map(|point| hex(point.compress().as_bytes())).collect::<Vec<_>>(),
        "shares": shares.iter().map(|share| hex(share.expose())).collect::<Vec<_>>(),
    });
    vector.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    vector
}

/// `D', C'_1 … C'_n'`.
fn sum(indices: &[u8], sent: &[(Redealing, LinkProof)]) -> Vec<RistrettoPoint> {
    let lambda = |i: u8| -> Scalar {
        let others = indices.iter().filter(|j| **j != i);
        others.map(|j| Scalar::from(*j) * (Scalar::from(*j) - Scalar::from(i)).invert()).product()
    };
    let places = sent[0].0.to_bytes().len() / 32 - 3;
    let at = |place: usize| {
        let terms = indices.iter().zip(sent);
        terms.map(|(i, (one, _))| lambda(*i) * point(&one.to_bytes()[32 * place..32 * place + 32])).sum()
    };
    (0..places).map(at).collect()
}

fn point(bytes: &[u8]) -> RistrettoPoint {
    CompressedRistretto::from_slice(bytes).unwrap().decompress().unwrap()
}

/// As [`super::reject::refusal`], for what is here; `None` for other operations.
pub fn refusal(operation: &str, input: &Value) -> Option<Option<String>> {
    Some(match operation {
        "redealing" => named(redealing(input, input)),
        "redeal" => named(redeal(input)),
        "gather" => named(gather(input)),
        "reshared" => named(reshared(input)),
        _ => return None,
    })
}

/// The name of the innermost variant: which layer noticed says nothing more.
fn named<T, E: Debug>(outcome: Result<T, E>) -> Option<String> {
    let shown = format!("{:?}", outcome.err()?);
    let inner = shown.rsplit_once("why: ").map_or(shown.as_str(), |(_, why)| why);
    let inner = inner.rsplit_once("Reshared(").map_or(inner, |(_, inner)| inner);
    let inner = inner.rsplit_once("Encoding(").map_or(inner, |(_, inner)| inner);
    inner.split(|c: char| !c.is_alphanumeric()).next().map(str::to_owned)
}

fn resharing(input: &Value) -> Resharing {
    let keys = group_keys(&input["old"]).unwrap();
    let old = ClaimedDealing::read(&blob(&input["dealing"]), &bytes(input, "cred"), &keys).unwrap();
    Resharing::new(old.verify().unwrap(), &group_keys(&input["new"]).unwrap())
}

fn index(value: &Value) -> u8 {
    value["index"].as_u64().unwrap().try_into().unwrap()
}

/// The re-dealing in `sent` for the resharing in `input`.
fn redealing(input: &Value, sent: &Value) -> Result<VerifiedRedealing, ReshareError> {
    let resharing = resharing(input);
    let n = resharing.context().to().threshold().n();
    let redealing = Redealing::from_bytes(index(sent), &blob(&sent["redealing"]), n)?;
    resharing.verify(redealing, LinkProof::from_bytes(&blob(&sent["link"]))?)
}

fn redeal(input: &Value) -> Result<(), ReshareError> {
    let x = Scalar::from_canonical_bytes(bytes(input, "x").0).unwrap();
    resharing(input).redeal(index(input), &pair(&x), &mut VectorRng::new("any")).map(|_| ())
}

fn gather(input: &Value) -> Result<(), ReshareError> {
    let sent = input["redealings"].as_array().unwrap().iter().map(|sent| {
        let mut of = input.clone();
        of["dealing"] = sent.get("dealing").unwrap_or(&input["dealing"]).clone();
        redealing(&of, sent).unwrap()
    });
    resharing(input).gather(sent.collect()).map(|_| ())
}

/// A record whose id is not the one that the log names.
#[derive(Debug)]
struct Id;

fn reshared(input: &Value) -> Result<(), Box<dyn Debug>> {
    let keys = group_keys(&input["new"]).unwrap();
    let boxed = |error: DealingError| Box::new(error) as Box<dyn Debug>;
    let claimed =
        ClaimedDealing::read(&blob(&input["record"]), &bytes(input, "cred"), &keys).map_err(boxed)?;
    let id = *claimed.id();
    claimed.verify().map_err(boxed)?;
    if id == bytes(input, "id") { Ok(()) } else { Err(Box::new(Id)) }
}

pub fn reject() -> Vec<File> {
    let mut of = Move::new("reject reshare", (3, 5), (3, 4));
    let mut files = of_redealings(&mut of);
    files.extend(of_all_of_three());
    files.extend(of_redealing_oneself(&mut of));
    files.extend(of_gathering(&mut of));
    files.extend(of_records(&mut of));
    files
}

fn of_redealings(of: &mut Move) -> Vec<File> {
    let (redealing, link) = of.redeal(2);
    let (wire, link) = (redealing.to_bytes(), link.to_bytes().to_vec());
    let mut good = of.fields();
    good["index"] = json!(2);
    good["redealing"] = json!(hex(&wire));
    good["link"] = json!(hex(&link));
    let mut breaches = Breaches::of("redealing", good);
    breaches.parts("redealing", &["d", "c1", "c2", "c3", "c4", "r1", "r2"], "z");
    breaches.lengths("redealing");
    let names = ["r1", "r2", "r3", "z-d", "z-x"];
    for (part, name) in names.into_iter().enumerate() {
        let (bad, error) = if part < 3 { (NOT_A_POINT, "Point") } else { (ORDER, "Scalar") };
        let with = |link: Vec<u8>| json!({"link": hex(link)});
        breaches.breach(&format!("link-{name}-non-canonical"), error, with(put(&link, part, &bad)));
        let other = if part < 3 { moved(&link, part) } else { put(&link, part, &Scalar::ONE.to_bytes()) };
        breaches.breach(&format!("link-{name}-changed"), "Link", with(other));
    }
    breaches.lengths_of("link", "link");
    breaches.breach("redealing-d-identity", "Identity", json!({"redealing": hex(put(&wire, 0, &IDENTITY))}));

    let other = |of: &mut Move, index| {
        let (redealing, link) = of.redeal(index);
        (hex(redealing.to_bytes()), hex(link.to_bytes()))
    };
    let (another, its_link) = other(of, 2);
    breaches.breach("redealing-with-the-link-of-another", "Link", json!({"link": its_link}));
    breaches.breach("redealing-under-the-link-of-another", "Link", json!({"redealing": another}));
    let (third, of_third) = other(of, 3);
    breaches.breach("redealing-of-another-member", "Proof", json!({"redealing": third, "link": of_third}));
    breaches.breach("redealing-with-the-link-of-another-member", "Link", json!({"link": of_third}));
    breaches.breach("redealing-at-another-index", "Proof", json!({"index": 3}));
    breaches.breach("redealing-at-index-zero", "NoSuchMember", json!({"index": 0}));
    breaches.breach("redealing-beyond-the-last-index", "NoSuchMember", json!({"index": 6}));

    under_another_context(&mut breaches, of);
    by_cheating_contributors(&mut breaches, of);
    breaches.files
}

/// The same re-dealing, held against another credential, group or old dealing.
fn under_another_context(breaches: &mut Breaches, of: &mut Move) {
    let to = of.to.clone();
    let new =
        |g: &Bytes<64>, t: usize, keys: &[Bytes<32>]| json!({"g": g, "t": t, "n": keys.len(), "keys": keys});
    let mut reordered = to.keys().to_vec();
    reordered.swap(0, 3);
    let mut replaced = to.keys().to_vec();
    replaced[1] = *ShareKeyPair::random(&mut of.old.rng).public();
    let more = [to.keys(), &[replaced[1]]].concat();
    let with = |new: Value| json!({"new": new});
    breaches.breach("redealing-to-another-group-epoch", "Proof", with(new(&Bytes([0; 64]), 3, to.keys())));
    breaches.breach("redealing-to-a-lower-threshold", "Proof", with(new(to.g(), 2, to.keys())));
    breaches.breach("redealing-to-a-higher-threshold", "Proof", with(new(to.g(), 4, to.keys())));
    breaches.breach("redealing-to-keys-in-another-order", "Proof", with(new(to.g(), 3, &reordered)));
    breaches.breach("redealing-to-another-key", "Proof", with(new(to.g(), 3, &replaced)));
    breaches.breach("redealing-to-one-member-more", "Length", with(new(to.g(), 3, &more)));
    breaches.breach("redealing-to-one-member-fewer", "Length", with(new(to.g(), 3, &to.keys()[..3])));

    let dealing = hex(another(&mut of.old).to_bytes());
    breaches.breach("redealing-of-another-dealing", "Proof", json!({"dealing": dealing}));
    let cred = Bytes([0; 64]);
    let context = DealingContext::new(cred, &of.old.keys);
    let dealing = deal(&context, &of.old.keys.clone(), &mut of.old.rng).unwrap().0;
    let replayed = json!({"cred": cred, "dealing": hex(dealing.to_bytes())});
    breaches.breach("redealing-of-another-credential", "Proof", replayed);
}

fn by_cheating_contributors(breaches: &mut Breaches, of: &mut Move) {
    let n = of.to.threshold().n() as u64;
    let (x, rng) = (of.old.secret(2), &mut of.old.rng.clone());
    let mut zero = vec![Scalar::ZERO];
    zero.extend((1..of.to.threshold().t()).map(|_| Scalar::random(rng)));
    let values = |polynomial: &[Scalar]| -> Vec<Scalar> {
        let at = |x: Scalar| polynomial.iter().rev().fold(Scalar::ZERO, |sum, next| sum * x + next);
        (1..=n).map(|place| at(Scalar::from(place))).collect()
    };
    let cheat = Cheat { of, x, d: Scalar::random(rng), index: 2 };
    let share = cheat.share();
    let dealt = |share: RistrettoPoint, values: &[Scalar]| -> Vec<RistrettoPoint> {
        values.iter().map(|value| share + RistrettoPoint::mul_base(value)).collect()
    };
    let honest = cheat.send(&dealt(share, &values(&zero)), rng);
    assert_eq!(super::reject::refusal("redealing", &breaches.with(&honest)), None);

    let something = dealt(share + RistrettoPoint::mul_base(&Scalar::ONE), &values(&zero));
    breaches.breach("redealing-of-something-else", "Link", cheat.send(&something, rng));
    let nothing = dealt(RistrettoPoint::default(), &values(&zero));
    breaches.breach("redealing-of-nothing", "Link", cheat.send(&nothing, rng));
    let too_high = [&zero[..], &[Scalar::ONE]].concat();
    let too_high = cheat.send(&dealt(share, &values(&too_high)), rng);
    breaches.breach("redealing-of-too-high-degree", "Proof", too_high);
    let mut wrong = values(&zero);
    wrong[3] += Scalar::ONE;
    breaches.breach("redealing-with-one-wrong-share", "Proof", cheat.send(&dealt(share, &wrong), rng));
    let mut crossed = dealt(share, &values(&zero));
    crossed.swap(0, 1);
    breaches.breach("redealing-with-two-shares-dealt-crosswise", "Proof", cheat.send(&crossed, rng));

    // The share of the member's own dealing of another credential, proven anew for this one.
    let elsewhere = DealingContext::new(Bytes([0; 64]), &of.old.keys);
    let elsewhere = deal(&elsewhere, &of.old.keys.clone(), rng).unwrap().0.to_bytes();
    let foreign = point(&elsewhere[64..96]) - x * point(&elsewhere[..32]);
    let foreign = cheat.send(&dealt(foreign, &values(&zero)), rng);
    breaches.breach("redealing-of-another-credentials-share", "Link", foreign);
    // A key that the group once had for this member, or somebody else's.
    let revoked = Cheat { of, x: Scalar::random(rng), d: cheat.d, index: 2 };
    let with_revoked = revoked.send(&dealt(revoked.share(), &values(&zero)), rng);
    breaches.breach("redealing-with-a-revoked-key", "Link", with_revoked);
    let neighbour = Cheat { of, x: of.old.secret(3), d: cheat.d, index: 2 };
    let with_neighbours = neighbour.send(&dealt(neighbour.share(), &values(&zero)), rng);
    breaches.breach("redealing-with-another-members-key", "Link", with_neighbours);
}

/// A contributor that deals whatever it likes again and follows the protocol
/// otherwise; written from the specification and not from the library.
struct Cheat<'a> {
    of: &'a Move,
    /// What it says is its `x_i`.
    x: Scalar,
    d: Scalar,
    index: u8,
}

impl Cheat<'_> {
    /// `A_i = C_i − x_i·D`.
    fn share(&self) -> RistrettoPoint {
        let wire = self.of.dealing.to_bytes();
        let at = 32 * usize::from(self.index);
        point(&wire[at..at + 32]) - self.x * point(&wire[..32])
    }

    fn send(&self, shares: &[RistrettoPoint], rng: &mut VectorRng) -> Value {
        let (to, from, old) = (&self.of.to, self.of.old.keys.threshold(), self.of.dealing.to_bytes());
        let (t, n) = (to.threshold().t() as u64, to.threshold().n() as u64);
        let keys: Vec<_> = to.keys().iter().map(|key| point(&key.0)).collect();
        let encode = |point: RistrettoPoint| point.compress().to_bytes();
        let rctx = Transcript::new(label::REDEALING_CONTEXT)
            .part(self.of.old.cred)
            .part(to.g())
            .int(t)
            .int(n)
            .list(to.keys())
            .part(self.of.dealing.id())
            .int(from.t() as u64)
            .int(from.n() as u64)
            .int(self.index.into())
            .finish();
        let first = encode(RistrettoPoint::mul_base(&self.d));
        let hidden: Vec<_> =
            shares.iter().zip(&keys).map(|(share, key)| encode(share + self.d * key)).collect();

        let own = |label| Transcript::new(label).part(rctx).part(first).list(&hidden);
        let weights = code_word(1..=n, n - t, |j| own(label::DUAL).int(j).scalar());
        let u: RistrettoPoint = weights.iter().zip(&keys).map(|(weight, key)| weight * key).sum();
        let r = Scalar::random(rng);
        let (r1, r2) = (encode(RistrettoPoint::mul_base(&r)), encode(r * u));
        let z = r + own(label::DEALING).part(r1).part(r2).scalar() * self.d;
        let redealing = [vec![first], hidden.clone(), vec![r1, r2, z.to_bytes()]].concat().concat();

        let at = 32 * usize::from(self.index);
        let linked = |label| {
            let begun = Transcript::new(label).part(rctx).part(&old[..32]).part(&old[at..at + 32]);
            begun.part(self.of.old.keys.key(self.index).unwrap()).part(first).list(&hidden)
        };
        let weights = code_word(0..=n, n + 1 - t, |j| linked(label::LINK_DUAL).int(j).scalar());
        let u: RistrettoPoint = weights[1..].iter().zip(&keys).map(|(weight, key)| weight * key).sum();
        let (r_d, r_x) = (Scalar::random(rng), Scalar::random(rng));
        let commitments = [
            encode(RistrettoPoint::mul_base(&r_d)),
            encode(RistrettoPoint::mul_base(&r_x)),
            encode(r_d * u + r_x * weights[0] * point(&old[..32])),
        ];
        let c = commitments.iter().fold(linked(label::LINK), |begun, one| begun.part(one)).scalar();
        let (z_d, z_x) = (r_d + c * self.d, r_x + c * self.x);
        let link = [&commitments[..], &[z_d.to_bytes(), z_x.to_bytes()]].concat().concat();
        json!({"redealing": hex(redealing), "link": hex(link)})
    }
}

/// `w_i` over these places, with `count` coefficients.
fn code_word(
    places: std::ops::RangeInclusive<u64>,
    count: u64,
    coefficient: impl Fn(u64) -> Scalar,
) -> Vec<Scalar> {
    let coefficients: Vec<_> = (0..count).map(coefficient).collect();
    let weight = |i: u64| {
        let others = places.clone().filter(|j| *j != i);
        let v: Scalar = others.map(|j| (Scalar::from(i) - Scalar::from(j)).invert()).product();
        v * coefficients.iter().rev().fold(Scalar::ZERO, |sum, next| sum * Scalar::from(i) + next)
    };
    places.clone().map(weight).collect()
}

/// With `n' = t'` the own proof says nothing of the shares; the link proof does.
fn of_all_of_three() -> Vec<File> {
    let of = &mut Move::new("reject reshare to all of three", (2, 3), (3, 3));
    let (redealing, link) = of.redeal(1);
    let mut good = of.fields();
    good["index"] = json!(1);
    good["redealing"] = json!(hex(redealing.to_bytes()));
    good["link"] = json!(hex(link.to_bytes()));
    let mut breaches = Breaches::of("redealing", good);
    let (x, rng) = (of.old.secret(1), &mut of.old.rng.clone());
    let cheat = Cheat { of, x, d: Scalar::random(rng), index: 1 };
    let shares: Vec<_> = (0..3).map(|_| RistrettoPoint::random(rng)).collect();
    breaches.breach("redealing-of-something-else-to-all-of-three", "Link", cheat.send(&shares, rng));
    breaches.files
}

fn of_redealing_oneself(of: &mut Move) -> Vec<File> {
    let mut good = of.fields();
    good["index"] = json!(2);
    good["x"] = json!(hex(of.old.secret(2).as_bytes()));
    let mut breaches = Breaches::of("redeal", good);
    let with = |x: Scalar| json!({"x": hex(x.as_bytes())});
    breaches.breach("redeal-with-another-members-key", "OtherKey", with(of.old.secret(1)));
    breaches.breach("redeal-with-a-key-of-the-new-group", "OtherKey", with(of.x[1]));
    breaches.breach("redeal-with-a-revoked-key", "OtherKey", with(scalar(&mut of.old.rng)));
    breaches.breach("redeal-of-nobodys-share", "NoSuchMember", json!({"index": 6}));
    breaches.files
}

fn of_gathering(of: &mut Move) -> Vec<File> {
    let sent = |of: &mut Move, index: u8| {
        let (redealing, link) = of.redeal(index);
        json!({"index": index, "redealing": hex(redealing.to_bytes()), "link": hex(link.to_bytes())})
    };
    let [one, two, four, five] = [1, 2, 4, 5].map(|index| sent(of, index));
    let mut good = of.fields();
    good["redealings"] = json!([one, two, five]);
    let mut breaches = Breaches::of("gather", good);
    let with = |redealings: Value| json!({"redealings": redealings});
    breaches.breach("gather-nothing", "Count", with(json!([])));
    breaches.breach("gather-one-too-few", "Count", with(json!([one, five])));
    breaches.breach("gather-one-too-many", "Count", with(json!([one, two, four, five])));
    breaches.breach("gather-one-member-twice", "Order", with(json!([one, five, five])));
    breaches.breach("gather-out-of-order", "Order", with(json!([two, one, five])));
    let dealing = another(&mut of.old);
    let stranger = Resharing::new(dealing.clone(), &of.to);
    let (redealing, link) = stranger.redeal(5, &of.old.pairs[4], &mut of.old.rng).unwrap();
    let foreign = json!({
        "index": 5,
        "redealing": hex(redealing.to_bytes()),
        "link": hex(link.to_bytes()),
        "dealing": hex(dealing.to_bytes()),
    });
    let with_foreign = with(json!([one, two, foreign]));
    breaches.breach("gather-with-one-of-another-dealing", "OtherContext", with_foreign);
    breaches.files
}

fn of_records(of: &mut Move) -> Vec<File> {
    let sent = [1, 3, 4].map(|index| of.redeal(index));
    let made = of.gather(&sent);
    let record = made.record().to_bytes();
    let mut good = json!({"cred": of.old.cred, "new": group_fields(&of.to), "id": made.id()});
    good["record"] = json!(hex(&record));
    let mut breaches = Breaches::of("reshared", good);
    let with = |record: Vec<u8>| json!({"record": hex(record)});
    let byte = |at: usize, byte: u8| {
        let mut record = record.clone();
        record[at] = byte;
        with(record)
    };
    let each = 1 + 32 * 8;
    let place = |number: usize| 67 + number * each;
    breaches.breach("reshared-of-a-later-version", "Version", byte(0, 3));
    breaches.breach("reshared-from-a-threshold-of-one", "Threshold", byte(1, 1));
    breaches.breach("reshared-from-a-threshold-above-its-group", "Threshold", byte(2, 2));
    breaches.breach("reshared-from-a-group-of-65", "Threshold", byte(2, 65));
    breaches.breach("reshared-from-a-lower-threshold", "Length", byte(1, 2));
    breaches.breach("reshared-from-a-higher-threshold", "Length", byte(1, 4));
    breaches.breach("reshared-from-a-larger-group", "Proof", byte(2, 6));
    breaches.breach("reshared-from-another-dealing", "Proof", byte(3, record[3] ^ 1));
    breaches.breach("reshared-by-index-zero", "NoSuchMember", byte(place(0), 0));
    breaches.breach("reshared-by-an-index-beyond-the-last", "NoSuchMember", byte(place(2), 6));
    breaches.breach("reshared-by-one-member-twice", "Order", byte(place(1), 1));
    breaches.breach("reshared-by-another-member", "Proof", byte(place(2), 5));
    let part = |number: usize, part: usize, bytes: [u8; 32]| {
        let (mut record, at) = (record.clone(), place(number) + 1 + 32 * part);
        record[at..at + 32].copy_from_slice(&bytes);
        with(record)
    };
    breaches.breach("reshared-with-a-point-non-canonical", "Point", part(1, 2, NOT_A_POINT));
    breaches.breach("reshared-with-a-response-non-canonical", "Scalar", part(2, 7, ORDER));
    breaches.breach("reshared-with-a-d-identity", "Identity", part(1, 0, IDENTITY));
    let moved_point = RistrettoPoint::mul_base(&Scalar::ONE).compress().to_bytes();
    breaches.breach("reshared-with-a-share-changed", "Proof", part(2, 3, moved_point));
    breaches.breach("reshared-with-a-response-changed", "Proof", part(0, 7, Scalar::ONE.to_bytes()));
    let mut swapped = record.clone();
    let (first, second) = (record[place(0)..place(1)].to_vec(), record[place(1)..place(2)].to_vec());
    swapped[place(0)..place(1)].copy_from_slice(&second);
    swapped[place(1)..place(2)].copy_from_slice(&first);
    breaches.breach("reshared-with-two-out-of-order", "Order", with(swapped));
    let with_one_less = with(record[..place(2)].to_vec());
    breaches.breach("reshared-with-one-re-dealing-missing", "Length", with_one_less);
    let with_one_more = with([&record[..], &record[place(2)..]].concat());
    breaches.breach("reshared-with-one-re-dealing-too-many", "Length", with_one_more);
    breaches.breach("reshared-trailing-byte", "Length", with([&record[..], &[0]].concat()));
    breaches.breach("reshared-cut-short", "Length", with(record[..record.len() - 1].to_vec()));
    breaches.breach("reshared-cut-short-in-its-head", "Length", with(record[..66].to_vec()));

    let again = [sent[0].clone(), sent[1].clone(), of.redeal(4)];
    let again = of.gather(&again).record().to_bytes();
    breaches.breach("reshared-with-another-re-dealing-of-a-member", "Id", with(again));
    let others = [sent[0].clone(), sent[1].clone(), of.redeal(5)];
    let others = of.gather(&others).record().to_bytes();
    breaches.breach("reshared-by-another-quorum", "Id", with(others));
    breaches.breach("reshared-under-another-credential", "Proof", json!({"cred": Bytes([0; 64])}));
    let mut other_keys = group_fields(&of.to);
    other_keys["keys"] = json!([of.to.keys()[1], of.to.keys()[0], of.to.keys()[2], of.to.keys()[3]]);
    breaches.breach("reshared-under-keys-in-another-order", "Proof", json!({"new": other_keys}));
    let mut lower = group_fields(&of.to);
    lower["t"] = json!(2);
    breaches.breach("reshared-under-a-lower-threshold", "Proof", json!({"new": lower}));
    breaches.files.extend(cancelling());
    breaches.files
}

/// Two contributors that know each other's `d`, and choose them so that `D' = 0`.
fn cancelling() -> Vec<File> {
    let of = &mut Move::new("reject reshare that cancels", (2, 3), (2, 2));
    let sent = [1, 2].map(|index| of.redeal(index));
    let made = of.gather(&sent);
    let mut good = json!({"cred": of.old.cred, "new": group_fields(&of.to), "id": made.id()});
    good["record"] = json!(hex(made.record().to_bytes()));
    let mut breaches = Breaches::of("reshared", good);
    let rng = &mut of.old.rng.clone();
    let d = Scalar::random(rng);
    let mut record = made.record().to_bytes()[..67].to_vec();
    // λ_1 = 2 and λ_2 = −1.
    for (index, d) in [(1, d), (2, d + d)] {
        let cheat = Cheat { of, x: of.old.secret(index.into()), d, index };
        let shares: Vec<_> =
            (1..=2u64).map(|place| cheat.share() + RistrettoPoint::mul_base(&Scalar::from(place))).collect();
        record.push(index);
        record.extend(blob(&cheat.send(&shares, rng)["redealing"]));
    }
    breaches.breach("reshared-to-a-d-identity", "SumIdentity", json!({"record": hex(record)}));
    breaches.files
}
