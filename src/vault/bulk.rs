//! Sealing many passwords: the same steps as for one, in batches, on all cores.
//!
//! For a batch the dealings are made and verified; the intentions are durable in
//! one commit; only then the gate answers, once for each; and all that is sealed
//! is durable in a second commit. Wherever it is stopped, an account has a whole
//! version or none: one that was begun and not sealed has used up a number, and
//! the next run begins another. While a batch is committed and sealed the
//! dealings of the next are made.

use super::commit::Committed;
use super::seal::{BegunSeal, Holding, Provenance, dealing_record, holder, sealed_record};
use super::{Log, Records, Vault, VaultError};
use crate::event::{Event, GroupStatement, Hash};
use crate::name::{AccountId, Factor, GroupId};
use crate::pvss::{self, Dealing, DealingContext, DealingError, GroupKeys, VerifiedDealing};
use crate::seal::record::{self, Payload};
use crate::secret::SecretPoint;
use crate::state::{Invalid, Organisation};
use crate::time::Time;
use rand_core::CryptoRng;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Accounts of a batch: so few that little is lost when one is interrupted, and so
/// many that two commits cost nothing beside the dealings.
pub const BATCH: usize = 1024;

/// How often a batch is brought up to date because others wrote to the log meanwhile.
const ATTEMPTS: usize = 16;

/// Makes what is sealed for the account at a position of the list.
pub type Contents<'a, R> = &'a (dyn Fn(usize, &mut R) -> Result<Payload, VaultError> + Sync);

/// Enters the accounts at these positions of the list.
pub(super) type Enter<'a> = &'a mut dyn FnMut(&mut Vault, &mut Log, Range<usize>) -> Result<(), VaultError>;

/// What is to be sealed.
pub struct Bulk<'a, R> {
    /// For whom. Each is bound to a group that is pinned here, in use, and has no
    /// current version; one that has, or is not in use, by its turn is passed over.
    pub accounts: &'a [AccountId],
    /// What.
    pub contents: Contents<'a, R>,
    /// Where it came from and to whom it will be shown.
    pub provenance: Provenance,
    /// Randomness for each thread.
    pub rng: &'a (dyn Fn() -> R + Sync),
    /// The time of each commit.
    pub clock: &'a dyn Fn() -> Time,
}

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// Sealed now.
    pub sealed: usize,
    /// Passed over, because others had sealed or closed them meanwhile.
    pub passed: usize,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

/// A version to be sealed, as the state at hand has it.
struct Todo {
    /// Position in the list.
    at: usize,
    account: AccountId,
    version: u64,
    credential: Hash,
    keys: GroupKeys,
    holding: Holding,
}

/// One that is dealt and not yet begun.
struct Dealt {
    todo: Todo,
    dealing: VerifiedDealing,
    shared: SecretPoint,
}

impl Vault {
    /// Seals a password for each account. `go_on` is told how many are done and
    /// says whether to continue; it is asked only where nothing is half done.
    pub fn seal_many<R: CryptoRng>(
        &mut self,
        log: &mut Log,
        bulk: &Bulk<'_, R>,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Done, VaultError> {
        self.enter_and_seal(log, bulk, &mut |_, _, _| Ok(()), go_on)
    }

    /// The same for accounts of which those of a batch are entered only two batches
    /// before it is sealed, while others of its dealings are made.
    pub(super) fn enter_and_seal<R: CryptoRng>(
        &mut self,
        log: &mut Log,
        bulk: &Bulk<'_, R>,
        enter: Enter<'_>,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Done, VaultError> {
        let mut done = Done::default();
        let mut groups = Groups::default();
        let batches: Vec<_> = bulk.accounts.chunks(BATCH).collect();
        let places = |number: usize, batch: &[_]| number * BATCH..number * BATCH + batch.len();
        for (number, batch) in batches.iter().enumerate().take(2) {
            enter(self, log, places(number, batch))?;
        }
        let mut dealt = None;
        for (number, accounts) in batches.iter().copied().enumerate() {
            if !go_on(number * BATCH) {
                done.stopped = true;
                return Ok(done);
            }
            let this = match dealt.take() {
                Some(dealt) => dealt,
                None => deal_all(self.todo(log, number, accounts, &mut groups)?, bulk.rng)?,
            };
            let next = batches.get(number + 1);
            let ahead = match next {
                Some(accounts) => self.todo(log, number + 1, accounts, &mut groups)?,
                None => Vec::new(),
            };
            let (ahead, rng) = (Pieces::of(ahead), bulk.rng);
            let deal = |piece| deal(piece, rng);
            let sealed = thread::scope(|scope| {
                // One core is left for the commits, which everything waits for: with a worker
                // more they took longer than was won. When they are durable their thread
                // helps with what is left of the next batch.
                for _ in 1..cores().max(2) {
                    scope.spawn(|| ahead.work_on(&deal));
                }
                let begun = self.begin(log, bulk, (number, accounts), this, &mut groups)?;
                let count = begun.len();
                self.finish(log, bulk, begun)?;
                if let Some(after) = batches.get(number + 2) {
                    enter(self, log, places(number + 2, after))?;
                }
                ahead.work_on(&deal);
                Ok::<_, VaultError>(count)
            });
            let sealed = sealed?;
            dealt = next.is_some().then(|| ahead.done()).transpose()?;
            done.sealed += sealed;
            done.passed += accounts.len() - sealed;
        }
        go_on(bulk.accounts.len());
        Ok(done)
    }

    /// What of a batch is still to be sealed.
    fn todo(
        &self,
        log: &Log,
        number: usize,
        accounts: &[AccountId],
        groups: &mut Groups,
    ) -> Result<Vec<Todo>, VaultError> {
        let (state, factor) = (&log.state, Factor::Password);
        let mut todo = Vec::with_capacity(accounts.len());
        for (at, account) in (number * BATCH..).zip(accounts) {
            let found = state
                .accounts
                .get(account)
                .ok_or_else(|| Invalid::Unknown { what: "account", id: account.to_string() })?;
            let there = state.current_of(account, factor).is_some();
            if there || !found.standing.in_use() {
                continue;
            }
            let group = holder(state, account, factor)?;
            let keys = groups.keys(self, state, group)?;
            let version = state.next_version(account, factor);
            let credential = pvss::credential_id(&state.vault, &state.id, account, factor, version);
            let holding = Holding::of(state, account, group)?;
            todo.push(Todo { at, account: *account, version, credential, keys, holding });
        }
        Ok(todo)
    }

    /// A batch as it is to be now, whatever others have written since it was dealt:
    /// dealings that still fit are kept, others are made.
    fn renewed<R: CryptoRng>(
        &self,
        log: &Log,
        bulk: &Bulk<'_, R>,
        (number, accounts): (usize, &[AccountId]),
        dealt: Vec<Dealt>,
        groups: &mut Groups,
    ) -> Result<Vec<Dealt>, VaultError> {
        let mut before: BTreeMap<_, _> = dealt.into_iter().map(|one| (one.todo.credential, one)).collect();
        let (mut renewed, mut missing) = (Vec::with_capacity(accounts.len()), Vec::new());
        for todo in self.todo(log, number, accounts, groups)? {
            match before.remove(&todo.credential).filter(|one| one.todo.holding == todo.holding) {
                Some(one) => renewed.push(one),
                None => missing.push(todo),
            }
        }
        if !missing.is_empty() {
            renewed.extend(deal_all(missing, bulk.rng)?);
            renewed.sort_by_key(|one| one.todo.at);
        }
        Ok(renewed)
    }

    /// The intentions of a batch, durable in one commit. Where others write
    /// something with which it does not go together, it is brought up to date.
    fn begin<R: CryptoRng>(
        &mut self,
        log: &mut Log,
        bulk: &Bulk<'_, R>,
        batch: (usize, &[AccountId]),
        mut dealt: Vec<Dealt>,
        groups: &mut Groups,
    ) -> Result<Vec<Begun>, VaultError> {
        for attempt in 1.. {
            // The batch before may have brought in what others wrote since this was dealt.
            self.catch_up(log, (bulk.clock)())?;
            dealt = self.renewed(log, bulk, batch, dealt, groups)?;
            if dealt.is_empty() {
                return Ok(Vec::new());
            }
            let size = log.state.size;
            let events = dealt.iter().map(Dealt::begins).collect();
            match self.commit_host(log, (bulk.clock)(), events, Records::default()) {
                Ok(committed) => return begun(log, &committed, dealt),
                Err(VaultError::Invalid(_)) if attempt < ATTEMPTS && log.state.size != size => {}
                Err(why) => return Err(why),
            }
        }
        Ok(Vec::new())
    }

    /// The gate's answers, the records, and the entries that say so, in one commit.
    fn finish<R: CryptoRng>(
        &mut self,
        log: &mut Log,
        bulk: &Bulk<'_, R>,
        begun: Vec<Begun>,
    ) -> Result<(), VaultError> {
        if begun.is_empty() {
            return Ok(());
        }
        let gate = self.gate().key(&log.state.id, log.state.gate().epoch)?;
        let (contents, provenance, rng) = (bulk.contents, bulk.provenance, bulk.rng);
        let sealed = on_all_cores(begun, &|begun: Vec<Begun>| {
            let mut rng = rng();
            let (seals, rest): (Vec<_>, Vec<_>) = begun.into_iter().map(|one| (one.seal, one.rest)).unzip();
            let given = BegunSeal::ingredients(seals, &gate, &mut rng)?;
            let each = rest.into_iter().zip(given);
            each.map(|(one, given)| one.seal(given, contents, provenance, &mut rng)).collect()
        })?;
        let mut records = Records::default();
        let mut events = Vec::with_capacity(sealed.len());
        for (event, put) in sealed {
            events.push(event);
            records.put.extend(put);
        }
        self.commit_host(log, (bulk.clock)(), events, records)?;
        Ok(())
    }
}

/// The keys of the groups that are sealed for, with their tables; each is pinned.
#[derive(Default)]
struct Groups(BTreeMap<(GroupId, u64), GroupKeys>);

impl Groups {
    fn keys(
        &mut self,
        vault: &Vault,
        state: &Organisation,
        group: &GroupStatement,
    ) -> Result<GroupKeys, VaultError> {
        if let Some(keys) = self.0.get(&(group.group, group.epoch)) {
            return Ok(keys.clone());
        }
        if !vault.is_pinned(state, group)? {
            return Err(VaultError::NotPinned(state.group_address(group)));
        }
        let keys = state.group_keys(group)?.with_tables();
        self.0.insert((group.group, group.epoch), keys.clone());
        Ok(keys)
    }
}

/// One whose intention is durable.
struct Begun {
    seal: BegunSeal,
    rest: Rest,
}

/// What else its seal takes.
struct Rest {
    at: usize,
    version: u64,
    shared: SecretPoint,
    holding: Holding,
}

/// What the log has durably begun; the proof of that is demanded, and each.
fn begun(log: &Log, _durable: &Committed, dealt: Vec<Dealt>) -> Result<Vec<Begun>, VaultError> {
    let each = dealt.into_iter().map(|Dealt { todo, dealing, shared }| {
        let seal = BegunSeal::find(log, dealing)?;
        Ok(Begun { seal, rest: Rest { at: todo.at, version: todo.version, shared, holding: todo.holding } })
    });
    each.collect()
}

impl Dealt {
    fn begins(&self) -> Event {
        Event::SealBegun {
            credential: self.todo.credential,
            origin: *self.dealing.id(),
            account: self.todo.account,
            factor: Factor::Password,
            version: self.todo.version,
        }
    }
}

/// An entry and the records that lie beside it.
type Fact = (Event, [(String, Vec<u8>); 2]);

impl Rest {
    fn seal<R: CryptoRng>(
        self,
        (dealing, ingredient): (VerifiedDealing, SecretPoint),
        contents: Contents<'_, R>,
        provenance: Provenance,
        rng: &mut R,
    ) -> Result<Fact, VaultError> {
        let payload = contents(self.at, rng)?;
        let credential = *dealing.context().cred();
        let sealed = record::seal(&credential, &self.shared, &ingredient, &payload, rng)?;
        let hash = sealed.payload_hash();
        let fact = self.holding.sealing(&dealing, hash, Factor::Password, self.version, provenance);
        let put = [
            (sealed_record(&credential), sealed.to_bytes()),
            (dealing_record(dealing.id()), dealing.to_bytes()),
        ];
        Ok((Event::Sealed(fact), put))
    }
}

/// As [`deal`], on all cores.
fn deal_all<R: CryptoRng>(todo: Vec<Todo>, rng: &(dyn Fn() -> R + Sync)) -> Result<Vec<Dealt>, VaultError> {
    on_all_cores(todo, &|piece| deal(piece, rng))
}

/// Deals for each, and verifies all from the bytes that will be stored.
fn deal<R: CryptoRng>(todo: Vec<Todo>, rng: &(dyn Fn() -> R + Sync)) -> Result<Vec<Dealt>, VaultError> {
    let mut rng = rng();
    let mut drafts = Vec::with_capacity(todo.len());
    let mut secrets = Vec::with_capacity(todo.len());
    for one in &todo {
        let context = DealingContext::new(one.credential, &one.keys);
        let (draft, secret) = pvss::draft(&context, &one.keys, &mut rng)?;
        let stored = Dealing::from_bytes(&draft.to_bytes(), draft.n())?;
        drafts.push((context, &one.keys, stored));
        secrets.push(secret);
    }
    let verified = pvss::verify_batch(drafts, &mut rng).map_err(|_culprits| DealingError::Proof)?;
    let all = todo.into_iter().zip(verified).zip(secrets);
    Ok(all.map(|((todo, dealing), shared)| Dealt { todo, dealing, shared }).collect())
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Works on pieces of a list, on all cores, and gives the results in order.
fn on_all_cores<T: Send, U: Send>(
    list: Vec<T>,
    work: &(impl Fn(Vec<T>) -> Result<Vec<U>, VaultError> + Sync),
) -> Result<Vec<U>, VaultError> {
    let pieces = Pieces::of(list);
    thread::scope(|scope| {
        for _ in 1..cores() {
            scope.spawn(|| pieces.work_on(work));
        }
        pieces.work_on(work);
    });
    pieces.done()
}

/// How many of a list are worked on at once: few, so that all cores are busy to the
/// end, and enough that what is verified together costs hardly more than in one.
const PIECE: usize = 128;

/// A list on which many threads work, each at the piece that nobody has taken yet.
struct Pieces<T, U> {
    left: Mutex<VecDeque<(usize, Vec<T>)>>,
    made: Mutex<BTreeMap<usize, Result<Vec<U>, VaultError>>>,
}

impl<T, U> Pieces<T, U> {
    fn of(mut list: Vec<T>) -> Self {
        let mut left = VecDeque::new();
        while !list.is_empty() {
            let rest = list.split_off(PIECE.min(list.len()));
            left.push_back((left.len(), std::mem::replace(&mut list, rest)));
        }
        Self { left: Mutex::new(left), made: Mutex::default() }
    }

    /// Takes one piece after the other until none is left.
    fn work_on(&self, work: &impl Fn(Vec<T>) -> Result<Vec<U>, VaultError>) {
        let next = || self.left.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        while let Some((number, piece)) = next() {
            let made = work(piece);
            self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(number, made);
        }
    }

    /// What was made of all, in order, once every piece is worked on.
    fn done(self) -> Result<Vec<U>, VaultError> {
        let made = self.made.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::new();
        for piece in made.into_values() {
            all.extend(piece?);
        }
        Ok(all)
    }
}
