//! What the secret sharing costs, in multiples of primitives, so that the figures
//! hold on any machine: `cargo bench`. Each figure is measured in turns with its
//! primitive, because a machine is not equally fast at all times.
//!
//! Without `--bench` (as `cargo test --benches` starts it) everything runs once
//! and small, to show that it runs.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use curve25519_dalek::{
    RistrettoPoint, Scalar, ristretto::CompressedRistretto, traits::VartimeMultiscalarMul,
};
use rand::{SeedableRng, rngs::StdRng};
use std::{hint::black_box, time::Instant};
use warifu::{
    hex::Bytes,
    name::{OrganisationId, Threshold},
    pvss::{
        ClaimedDealing, Dealing, DealingContext, GateKey, GroupKeys, LinkProof, Quorum, Redealing, Resharing,
        ShareKeyPair, UntrustedShare, VerifiedDealing, deal, draft, open_share, reshared_digest,
        verify_batch, verify_claimed, verify_ingredient, verify_redealings,
    },
    secret::SecretKey,
};

#[path = "reshare.rs"]
mod reshare;

const T: usize = 3;
const N: usize = 5;

/// How often each thing is measured, and how many dealings are in the batch.
struct Effort {
    singles: usize,
    batches: usize,
    batch: usize,
    /// Versions in a chunk of a resharing.
    chunk: usize,
}

fn main() {
    let effort = if std::env::args().any(|argument| argument == "--bench") {
        Effort { singles: 1001, batches: 7, batch: 10_000, chunk: 500 }
    } else {
        Effort { singles: 1, batches: 1, batch: 20, chunk: 4 }
    };
    let bench = Bench::new(&mut StdRng::seed_from_u64(1));
    println!("{T}-of-{N}; medians, each figure in turns with its unit\n");
    println!("{:<44} {:>9} {:<28} {:>9} {:>7} {:>6}", "figure", "µs", "unit", "µs", "ratio", "bound");
    bench.singles(&effort);
    bench.batch(&effort);
    reshare::figures(&bench, &effort);
}

/// Prints the medians of `figure` and `unit`, and their ratio. Each is given the
/// number of the turn, and gives its own microseconds.
fn row(
    names: (&str, &str),
    bound: Option<f64>,
    times: usize,
    mut figure: impl FnMut(usize) -> f64,
    mut unit: impl FnMut(usize) -> f64,
) {
    let (mut figures, mut units): (Vec<_>, Vec<_>) =
        (0..times).map(|turn| (figure(turn), unit(turn))).unzip();
    figures.sort_by(f64::total_cmp);
    units.sort_by(f64::total_cmp);
    let (figure, unit) = (figures[times / 2], units[times / 2]);
    let ratio = figure / unit;
    let bound = bound
        .map_or(String::new(), |bound| format!("{bound:>6}{}", if ratio > bound { " OVER" } else { "" }));
    println!("{:<44} {figure:>9.2} {:<28} {unit:>9.2} {ratio:>7.2} {bound}", names.0, names.1);
}

/// Microseconds that `run` takes; what it gives is dropped afterwards.
fn span<O>(run: impl FnOnce() -> O) -> f64 {
    let start = Instant::now();
    let output = black_box(run());
    let span = start.elapsed().as_secs_f64() * 1e6;
    drop(output);
    span
}

/// The last span of four, so that what ran before has left no trace in the cache.
fn warm<O>(run: impl Fn() -> O) -> f64 {
    (0..4).map(|_| span(&run)).last().unwrap()
}

struct Bench {
    pairs: Vec<ShareKeyPair>,
    keys: GroupKeys,
    context: DealingContext,
    points: Vec<RistrettoPoint>,
    scalars: Vec<Scalar>,
}

impl Bench {
    fn new(rng: &mut StdRng) -> Self {
        let pairs: Vec<_> = (0..N).map(|_| ShareKeyPair::random(rng)).collect();
        let public: Vec<_> = pairs.iter().map(|pair| *pair.public()).collect();
        let keys =
            GroupKeys::new(Bytes([1; 64]), Threshold::new(T, N).unwrap(), &public).unwrap().with_tables();
        let context = DealingContext::new(Bytes([2; 64]), &keys);
        let points = (0..64).map(|_| RistrettoPoint::random(rng)).collect();
        let scalars = (0..64).map(|_| Scalar::random(rng)).collect();
        Self { pairs, keys, context, points, scalars }
    }

    fn singles(&self, effort: &Effort) {
        let rng = &mut StdRng::seed_from_u64(2);
        let fixed = |turn: usize| warm(|| RistrettoPoint::mul_base(black_box(&self.scalars[turn % 64])));
        let variable =
            |turn: usize| warm(|| black_box(self.scalars[turn % 64]) * black_box(self.points[turn % 64]));
        let (by_fixed, by_variable) = ("fixed-base multiplication", "variable-base multiplication");
        let times = effort.singles;

        let draft = |_| span(|| draft(&self.context, &self.keys, rng).unwrap());
        row(("dealing and proof, with tables", by_fixed), Some(22.0), times, draft, fixed);
        let dealt = |_| span(|| deal(&self.context, &self.keys, rng).unwrap());
        row(("the same, and the dealer's check of it", by_fixed), None, times, dealt, fixed);
        let wire = deal(&self.context, &self.keys, rng).unwrap().0.to_bytes();
        let verified = |_| span(|| self.verified(&wire));
        row(("verification from bytes", by_fixed), Some(14.0), times, verified, fixed);
        let opened = |_| self.open(&wire, rng, true);
        row(("opening on one machine", by_variable), Some(40.0), times, opened, variable);
        let opened = |_| self.open(&wire, rng, false);
        row(("opening on four machines, added up", by_variable), None, times, opened, variable);
    }

    fn verified(&self, wire: &[u8]) -> VerifiedDealing {
        Dealing::from_bytes(wire, N).unwrap().verify(&self.context, &self.keys).unwrap()
    }

    /// Three custodians open their shares of a dealing that their machine has
    /// checked, the gate gives its ingredient, and the recipient checks all four
    /// and combines.
    fn open(&self, wire: &[u8], rng: &mut StdRng, one_machine: bool) -> f64 {
        let (cred, request) = (*self.context.cred(), Bytes([3; 64]));
        let gate = GateKey::derive(&SecretKey::random(rng), &OrganisationId::random(rng), 1);
        span(|| {
            let dealing = self.verified(wire);
            let open = |index: u8| {
                let own = if one_machine { None } else { Some(self.verified(wire)) };
                let pair = &self.pairs[usize::from(index) - 1];
                (index, open_share(own.as_ref().unwrap_or(&dealing), index, pair, &request, rng).unwrap())
            };
            let sent = [1, 3, 5].map(open);
            let given = gate.ingredient(&cred, dealing.id(), &request, rng);
            let checked =
                verify_ingredient(given.proof.expose(), gate.public(), &cred, dealing.id(), &request);
            let shares = sent.iter().map(|(index, share)| {
                UntrustedShare::from_bytes(share.expose())
                    .unwrap()
                    .verify(&dealing, *index, &request)
                    .unwrap()
            });
            let secret = Quorum::gather(&dealing, shares.collect()).unwrap().combine();
            (secret.expose().compress(), checked.unwrap().expose().compress())
        })
    }

    /// A credential of each number.
    fn cred(number: usize) -> Bytes<64> {
        let mut cred = [0; 64];
        cred[..8].copy_from_slice(&number.to_be_bytes());
        Bytes(cred)
    }

    /// Per dealing, each under a credential of its own; the unit is `n+3` times a
    /// decompression and one point of a multiscalar multiplication of that size.
    fn batch(&self, effort: &Effort) {
        let rng = &mut StdRng::seed_from_u64(3);
        let cred = Self::cred;
        let stored: Vec<_> = (0..effort.batch)
            .map(|number| {
                let context = DealingContext::new(cred(number), &self.keys);
                draft(&context, &self.keys, rng).unwrap().0.to_bytes()
            })
            .collect();
        let unit = Points::new(effort.batch * (N + 3), rng);

        let batch = |_| {
            let whole = span(|| {
                let decoded = stored.iter().enumerate().map(|(number, wire)| {
                    let context = DealingContext::new(cred(number), &self.keys);
                    (context, &self.keys, Dealing::from_bytes(wire, N).unwrap())
                });
                verify_batch(decoded.collect(), rng).unwrap()
            });
            whole / effort.batch as f64
        };
        let unit = |_| unit.span() / effort.batch as f64;
        let names = ("one of a batch, from bytes", "(n+3)·(decompression + point)");
        row(names, Some(1.25), effort.batches, batch, unit);
    }
}

/// Points to be decoded and multiplied at once.
struct Points {
    points: Vec<RistrettoPoint>,
    scalars: Vec<Scalar>,
    encoded: Vec<CompressedRistretto>,
}

impl Points {
    fn new(size: usize, rng: &mut StdRng) -> Self {
        let points: Vec<_> = (0..size).map(|_| RistrettoPoint::random(rng)).collect();
        let scalars = (0..size).map(|_| Scalar::random(rng)).collect();
        let encoded = points.iter().map(RistrettoPoint::compress).collect();
        Self { points, scalars, encoded }
    }

    /// Microseconds for all of them.
    fn span(&self) -> f64 {
        let decode = |one| _ = black_box(CompressedRistretto::decompress(one));
        span(|| self.encoded.iter().for_each(decode)) + self.summed(self.points.len())
    }

    /// Microseconds for multiplying and adding up the first `count`.
    fn summed(&self, count: usize) -> f64 {
        span(|| RistrettoPoint::vartime_multiscalar_mul(&self.scalars[..count], &self.points[..count]))
    }
}
