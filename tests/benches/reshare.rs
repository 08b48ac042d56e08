//! What resharing costs: stored records in a batch, and a contributor's work. From
//! 3-of-5 to 3-of-5.

use super::*;

pub fn figures(bench: &Bench, effort: &Effort) {
    let rng = &mut StdRng::seed_from_u64(4);
    let to = Bench::new(rng);
    records(bench, &to, effort, rng);
    contributor(bench, &to, effort, rng);
}

/// Stored dealings as `audit recoverability` checks them, dealt and reshared; as many
/// re-dealings in the one batch as dealings in the other.
fn records(from: &Bench, to: &Bench, effort: &Effort, rng: &mut StdRng) {
    let count = effort.batch / T;
    let dealt = dealings(T * count, from, rng);
    let reshared: Vec<_> = (0..count)
        .map(|number| {
            let resharing = Resharing::new(claimed(number, &dealt[number], from).verify().unwrap(), &to.keys);
            let sent = [1, 3, 5].map(|index| {
                let pair = &from.pairs[usize::from(index) - 1];
                let (redealing, link) = resharing.redeal(index, pair, rng).unwrap();
                (&resharing, redealing, link)
            });
            let verified = verify_redealings(sent.into(), rng).unwrap();
            resharing.gather(verified).unwrap().record().to_bytes()
        })
        .collect();
    let unit = Points::new(T * count * (N + 3), rng);
    let rng = std::cell::RefCell::new(StdRng::seed_from_u64(5));
    let check = |stored: &[Vec<u8>], group: &Bench| {
        let whole = span(|| {
            let read = stored.iter().enumerate().map(|(number, bytes)| claimed(number, bytes, group));
            verify_claimed(read.collect(), &mut *rng.borrow_mut()).unwrap()
        });
        whole / stored.len() as f64
    };
    row(
        ("a stored dealing in a batch", "(n+3)·(decompression + point)"),
        Some(1.25),
        effort.batches,
        |_| check(&dealt, from),
        |_| unit.span() / dealt.len() as f64,
    );
    row(
        ("a reshared one in a batch", "t times a stored dealing"),
        Some(1.2),
        effort.batches,
        |_| check(&reshared, to),
        |_| T as f64 * check(&dealt, from),
    );
}

/// The records of so many dealings.
fn dealings(count: usize, group: &Bench, rng: &mut StdRng) -> Vec<Vec<u8>> {
    let deal = |number| {
        let context = DealingContext::new(Bench::cred(number), &group.keys);
        draft(&context, &group.keys, rng).unwrap().0.to_bytes()
    };
    (0..count).map(deal).collect()
}

fn claimed(number: usize, bytes: &[u8], group: &Bench) -> ClaimedDealing {
    ClaimedDealing::read(bytes, &Bench::cred(number), &group.keys).unwrap()
}

/// A re-dealing with its link proof, as they are sent.
type Sent = (u8, Vec<u8>, Vec<u8>);

/// One contributor, for one version of a chunk. Its own multiplications: by fixed
/// bases `m(1)·B … m(t'−1)·B`, `D_i`, three commitments, and thrice each `E'_j` of which
/// there are tables (`d_i`, and both proofs); by others `x_i·D` and that of the link
/// proof. Then those by which it checks the old dealing and what all `t` sent: `n+3`
/// points, and `t·(n'+8)` of which `t·(n'+6)` are decoded.
fn contributor(from: &Bench, to: &Bench, effort: &Effort, rng: &mut StdRng) {
    let chunk = effort.chunk;
    let old = dealings(chunk, from, rng);
    let resharing = |(number, bytes): (usize, &Vec<u8>)| {
        Resharing::new(claimed(number, bytes, from).verify().unwrap(), &to.keys)
    };
    let resharings: Vec<_> = old.iter().enumerate().map(resharing).collect();
    let redeal = |resharing: &Resharing, index: u8, rng: &mut StdRng| -> Sent {
        let (redealing, link) = resharing.redeal(index, &from.pairs[usize::from(index) - 1], rng).unwrap();
        (index, redealing.to_bytes(), link.to_bytes().to_vec())
    };
    let others: Vec<[Sent; 2]> =
        resharings.iter().map(|resharing| [3, 5].map(|index| redeal(resharing, index, rng))).collect();
    let points = Points::new(chunk * (N + 3 + T * (N + 6)), rng);
    let undecoded = Points::new(chunk * 2 * T, rng);
    let own = || {
        let fixed = span(|| {
            for turn in 0..(T - 1) + 4 + 3 * N {
                black_box(RistrettoPoint::mul_base(black_box(&from.scalars[turn % 64])));
            }
        });
        let other = |turn: usize| black_box(from.scalars[turn]) * black_box(from.points[turn]);
        fixed + span(|| (other(0), other(1)))
    };
    let names = ("dealing a share again, with both proofs", "its own multiplications");
    let redealt = |turn: usize| span(|| redeal(&resharings[turn % chunk], 1, rng));
    row(names, Some(1.4), effort.singles, redealt, |_| own());

    let rng = &mut StdRng::seed_from_u64(6);
    let whole = |_| span(|| contribute(&old, &others, (from, to), rng)) / chunk as f64;
    let unit = |_| {
        let own: f64 = (0..chunk).map(|_| own()).sum();
        (own + points.span() + undecoded.summed(chunk * 2 * T)) / chunk as f64
    };
    let names = ("all a contributor does for one of a chunk", "its own multiplications");
    row(names, Some(1.4), effort.batches, whole, unit);
}

/// All that the first contributor does for a chunk, up to what it signs.
fn contribute(
    old: &[Vec<u8>],
    others: &[[Sent; 2]],
    (from, to): (&Bench, &Bench),
    rng: &mut StdRng,
) -> Bytes<64> {
    let read = old.iter().enumerate().map(|(number, bytes)| claimed(number, bytes, from));
    let verified = verify_claimed(read.collect(), rng).unwrap();
    let resharings: Vec<_> = verified.into_iter().map(|old| Resharing::new(old, &to.keys)).collect();
    let mut items = Vec::new();
    for (resharing, others) in resharings.iter().zip(others) {
        let (redealing, link) = resharing.redeal(1, &from.pairs[0], rng).unwrap();
        // Its own comes back to it as bytes with the others'.
        let own = (1, redealing.to_bytes(), link.to_bytes().to_vec());
        for (index, redealing, link) in std::iter::once(&own).chain(others) {
            let redealing = Redealing::from_bytes(*index, redealing, N).unwrap();
            items.push((resharing, redealing, LinkProof::from_bytes(link).unwrap()));
        }
    }
    let verified = verify_redealings(items, rng).unwrap();
    let made = resharings.iter().zip(verified.chunks(T)).map(|(resharing, t)| {
        let made = resharing.gather(t.to_vec()).unwrap();
        (*made.id(), *made.links())
    });
    reshared_digest(&Bytes([3; 64]), &made.collect::<Vec<_>>())
}
