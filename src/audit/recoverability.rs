//! Whether everything that is sealed could be opened today: each current
//! version's record against its entry, and its dealing, many at a time and on all
//! cores. No secret is needed, so an outsider can do it as well as the host. Where
//! the records lie is not known here.
//!
//! It shows that the shares of a version are consistent and encrypted for the
//! members that its group's statement names; of a reshared one, that they share what
//! was sealed, is not shown but signed by the contributors, whose signatures the
//! replay of the log has checked. It does not show that those members
//! still have their keys, nor that what was sealed is right.

use crate::event::{GroupEpoch, Hash};
use crate::name::{AccountId, Factor, GroupId};
use crate::pvss::{self, ClaimedDealing, GroupKeys};
use crate::seal::record::SealedPayload;
use crate::state::{Held, Organisation};
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::{panic, thread};

/// Versions whose dealings are verified by one equation. More gain little and
/// cost memory.
const TOGETHER: usize = 512;

/// The bytes that lie beside the log.
pub trait RecordSource {
    /// A version's sealed payload; `None` if it is not there.
    fn sealed(&self, credential: &Hash) -> Result<Option<Vec<u8>>, Unreadable>;
    /// A dealing by its id; `None` if it is not there.
    fn dealing(&self, id: &Hash) -> Result<Option<Vec<u8>>, Unreadable>;
    /// The signed request that opened a ceremony; `None` if it is not there. Nothing is
    /// opened with it: a vault that is made again must have it.
    fn request(&self, ceremony: &Hash) -> Result<Option<Vec<u8>>, Unreadable>;
    /// What a reconciliation found, by its hash; `None` if it is not there. As above.
    fn facts(&self, facts: &Hash) -> Result<Option<Vec<u8>>, Unreadable>;
}

/// A record that is there and cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// Why a version cannot be opened, or cannot be shown to be openable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The sealed payload is not there.
    #[error("its sealed record is gone")]
    SealedGone,
    /// The store cannot give the sealed payload.
    #[error("its sealed record cannot be read")]
    SealedUnreadable,
    /// The sealed payload is not the one that the entry names.
    #[error("its sealed record is not the one that was entered")]
    SealedChanged,
    /// The dealing is not there.
    #[error("its dealing is gone")]
    DealingGone,
    /// The store cannot give the dealing.
    #[error("its dealing cannot be read")]
    DealingUnreadable,
    /// The dealing is not the one that the entry names.
    #[error("its dealing is not the one that was entered")]
    DealingChanged,
    /// The dealing's proof, which its id does not cover, does not hold.
    #[error("its dealing does not prove that the shares fit together")]
    DealingUnproven,
    /// Its group is abandoned: too few of its members are there, by the word of a notice
    /// that none of them vetoed.
    #[error("its group is abandoned: it is lost")]
    Abandoned,
    /// The keys of the group are not acceptable, so nobody has a share.
    #[error("its group's keys are not acceptable")]
    Group,
}

/// How far a good result reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// The mathematics shows it to anybody.
    Proven,
    /// The mathematics shows to anybody that the shares fit together; that they share
    /// what was sealed, the contributors of a resharing signed.
    Attested,
}

impl Label {
    /// As it is written in JSON and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Attested => "attested",
        }
    }
}

/// What was found for one organisation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// For each group that holds a current version: how many could be opened.
    pub good: BTreeMap<GroupId, u64>,
    /// How many of those were reshared, and are attested for the rest.
    pub attested: BTreeMap<GroupId, u64>,
    /// Versions that could not, in the order of the accounts.
    pub bad: Vec<Bad>,
}

impl Findings {
    /// How far the good result of a group reaches: as far as that of each version.
    pub fn label(&self, group: &GroupId) -> Label {
        if self.attested.contains_key(group) { Label::Attested } else { Label::Proven }
    }
}

/// One version that could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// Whose.
    pub account: AccountId,
    /// Which factor.
    pub factor: Factor,
    /// Which version.
    pub version: u64,
    /// Which group holds it.
    pub group: GroupId,
    /// Why.
    pub why: Fault,
}

impl Bad {
    /// A version and what is wrong with it.
    pub fn of(held: &Held, why: Fault) -> Self {
        let Held { account, factor, version, group, .. } = *held;
        Self { account, factor, version, group, why }
    }
}

/// The current version of each factor of each account, by credential id; of one
/// group alone if it is given. A version that waits in a rotation is not yet what
/// the provider has, and one that was discarded never was.
pub fn current<'a>(state: &'a Organisation, only: Option<&GroupId>) -> Vec<(&'a Hash, &'a Held)> {
    let all = state.all_current().map(|(_, _, credential, version)| (credential, &*version.sealing));
    all.filter(|(_, held)| only.is_none_or(|group| held.group == *group)).collect()
}

/// A version with what lies beside the log, whose record is the entered one.
struct Item<'a> {
    credential: &'a Hash,
    held: &'a Held,
    keys: &'a GroupKeys,
    dealing: Vec<u8>,
}

/// Checks these versions. `rng` makes one generator for each thread: it must be
/// fresh, or a forger who knows it can make faults that cancel. `progress` is told
/// how many of them are done. Memory does not grow with what lies beside the log.
pub fn check<R: CryptoRng + Send>(
    state: &Organisation,
    versions: &[(&Hash, &Held)],
    records: &dyn RecordSource,
    rng: &mut dyn FnMut() -> R,
    progress: &mut dyn FnMut(u64),
) -> Findings {
    let statements = state.statements();
    let keys: BTreeMap<_, _> = statements
        .filter_map(|group| Some((GroupEpoch::from(group), state.group_keys(group).ok()?)))
        .collect();
    let mut findings = Findings::default();
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        let (verdicts, collected) = mpsc::channel();
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                // One chunk waits while one is verified.
                let (chunks, waiting) = mpsc::sync_channel::<Vec<Item<'_>>>(1);
                let (verdicts, mut rng) = (verdicts.clone(), rng());
                let work =
                    move || waiting.into_iter().try_for_each(|chunk| verdicts.send(verify(chunk, &mut rng)));
                (chunks, scope.spawn(work))
            })
            .collect();
        let (mut chunk, mut done, mut turn) = (Vec::new(), 0, workers.iter().cycle());
        for (credential, held) in versions {
            match read(credential, held, &keys, records) {
                Ok(item) => chunk.push(item),
                Err(why) => findings.bad.push(Bad::of(held, why)),
            }
            done += 1;
            if chunk.len() == TOGETHER {
                hand_over(&mut turn, std::mem::take(&mut chunk));
                progress(done);
            }
        }
        hand_over(&mut turn, chunk);
        let threads: Vec<_> = workers.into_iter().map(|(_, thread)| thread).collect();
        drop(verdicts);
        for (good, bad) in collected {
            for (group, label) in good {
                *findings.good.entry(group).or_default() += 1;
                if label == Label::Attested {
                    *findings.attested.entry(group).or_default() += 1;
                }
            }
            findings.bad.extend(bad);
        }
        for thread in threads {
            let _all_sent = thread.join().unwrap_or_else(|payload| panic::resume_unwind(payload));
        }
        progress(done);
    });
    findings.bad.sort_by_key(|bad| (bad.account, bad.factor));
    findings
}

type Worker<'s, 'a> =
    (mpsc::SyncSender<Vec<Item<'a>>>, thread::ScopedJoinHandle<'s, Result<(), mpsc::SendError<Verified>>>);

fn hand_over<'w, 's: 'w, 'a: 'w>(turn: &mut impl Iterator<Item = &'w Worker<'s, 'a>>, chunk: Vec<Item<'a>>) {
    if let Some((chunks, _)) = turn.next() {
        // A thread that ended did so by a panic, which its join passes on.
        let _ = chunks.send(chunk);
    }
}

/// Reads what lies beside the log; the sealed record must be the entered one.
fn read<'a>(
    credential: &'a Hash,
    held: &'a Held,
    keys: &'a BTreeMap<GroupEpoch, GroupKeys>,
    records: &dyn RecordSource,
) -> Result<Item<'a>, Fault> {
    let holder = GroupEpoch { group: held.group, epoch: held.epoch };
    let keys = keys.get(&holder).ok_or(Fault::Group)?;
    let sealed = records.sealed(credential).map_err(|Unreadable| Fault::SealedUnreadable)?;
    let sealed = SealedPayload::from_bytes(&sealed.ok_or(Fault::SealedGone)?);
    if !sealed.is_ok_and(|sealed| sealed.payload_hash() == held.payload) {
        return Err(Fault::SealedChanged);
    }
    let dealing = records.dealing(&held.dealing).map_err(|Unreadable| Fault::DealingUnreadable)?;
    Ok(Item { credential, held, keys, dealing: dealing.ok_or(Fault::DealingGone)? })
}

/// Groups of the good ones, each with how far that reaches, and the bad ones.
type Verified = (Vec<(GroupId, Label)>, Vec<Bad>);

fn verify(chunk: Vec<Item<'_>>, rng: &mut impl CryptoRng) -> Verified {
    let mut bad = Vec::new();
    let (mut all, mut items) = (Vec::new(), Vec::new());
    for Item { credential, held, keys, dealing } in chunk {
        match ClaimedDealing::read(&dealing, credential, keys) {
            // What is not the entered dealing says nothing of that one.
            Ok(dealing) if *dealing.id() == held.dealing => {
                let label = if dealing.prev().is_some() { Label::Attested } else { Label::Proven };
                all.push((held, label));
                items.push(dealing);
            }
            _ => bad.push(Bad::of(held, Fault::DealingChanged)),
        }
    }
    let culprits = pvss::verify_claimed(items, rng).err().unwrap_or_default();
    let mut good = Vec::with_capacity(all.len());
    for (at, (held, label)) in all.into_iter().enumerate() {
        if culprits.binary_search(&at).is_ok() {
            bad.push(Bad::of(held, Fault::DealingUnproven));
        } else {
            good.push((held.group, label));
        }
    }
    (good, bad)
}
