//! A resharing by files, in two rounds: contributors on their own devices deal their
//! shares again and prove it; the host puts the re-dealings of just as many as are
//! needed into one file; each of them checks all proofs on their own device and signs;
//! the host enters part after part. The host keeps nothing of it but the entries: the
//! files that people have are all there is to go on from, so that whatever is
//! interrupted is run once more.

use super::super::App;
use super::super::args::{CardArgs, ReshareAskArgs};
use super::super::cards::{self, OpenCard};
use super::super::ceremonies::standing_word;
use super::super::ceremony::log_of;
use super::super::error::CliError;
use super::super::files;
use super::super::progress::Progress;
use super::super::room;
use super::super::table::counted;
use super::{Done, HandOver, gather, tell};
use crate::ceremony::judge;
use crate::ceremony::reshare::{
    CheckError, CheckedChunk, Chunk, FileError, ReshareReview, SignRefusal, check_answers, check_signers,
    offers_of, review, signatures_of,
};
use crate::event::{Ending, Event, GroupStatement, Hash, MAX_CHUNK, Mode};
use crate::message::{Message, Redealt, ReshareAnswer, ReshareFile, ReshareSignatures};
use crate::pvss::GroupKeys;
use crate::secret::SecretBytes;
use crate::state::{Ceremony, Standing};
use crate::time::Span;
use crate::vault::{Log, Vault, VaultError};
use serde_json::json;
use std::path::{Path, PathBuf};

/// How long a resharing by files stays open, unless another time is asked for: two
/// rounds are carried to everybody and back.
pub const WINDOW: Span = Span::days(7);

/// `reshare --request`, `refresh --request`: the ceremony that is open, or a new one, as
/// a file for the old group's members.
pub fn request(
    of: HandOver,
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    ask: &ReshareAskArgs,
    out: &Path,
) -> Result<(), CliError> {
    if out.exists() {
        return Err(CliError::FileExists(out.to_owned()));
    }
    vault.clear_replaced(log, app.now(), &mut app.rng)?;
    let already = of.open_already(app, log)?;
    let ceremony = match already {
        Some(ceremony) => ceremony,
        None => of.open(app, (&mut *vault, &mut *log), ask, false)?.ok_or(FileError::OtherRound)?,
    };
    let found = vault.known(log, &ceremony)?.into_owned();
    if found.mode != Mode::Files {
        let fact = format!("ceremony {} is held in one room", ceremony.short());
        let (organisation, short) = (&log.state.slug, ceremony.short());
        let remedy =
            format!("Finish it there, or abort it with 'warifu ceremony abort {organisation} {short}'.");
        return Err(CliError::Argument { fact, remedy: "" }.advised(remedy));
    }
    let file = vault.reshare_file(log, &ceremony, Vec::new()).map_err(CliError::from);
    if let Err(error) = file.and_then(|file| files::write_message(out, &file)) {
        // A ceremony of which nobody could get the file is of no use.
        if already.is_none() {
            let now = app.now().max(log.state.last);
            vault.end_ceremony(log, &ceremony, Ending::Aborted, now)?;
        }
        return Err(error);
    }
    let ((_, needed), expires) = (judge::overall(&log.state, &found), found.expires);
    let value = json!({
        "ceremony": ceremony, "file": out.display().to_string(), "expires": expires, "needed": needed,
    });
    app.emit(value, || {
        format!(
            "Ceremony {} is open until {}. Give {} to the old group's members: {needed} of them are needed. Each answers with 'warifu ceremony contribute'.\nNext: warifu ceremony gather ANSWER… --out ROUND",
            ceremony.short(),
            expires.to_minute(),
            out.display()
        )
    });
    Ok(())
}

/// A contributor's answer, on their own device: in the first round re-dealings, in the
/// second signatures. Long, because both begin with the same checks.
pub fn contribute(
    app: &mut App<'_>,
    file: &ReshareFile,
    card: &CardArgs,
    code: Option<SecretBytes>,
    out: Option<PathBuf>,
) -> Result<(), CliError> {
    let open = cards::unlock(app, card, "the custodian", None)?;
    let who = open.card.card().pseudonym().clone();
    let first = file.parts.is_empty();
    let out = match out {
        Some(out) if out.exists() => return Err(CliError::FileExists(out)),
        Some(out) => out,
        None => files::unused(who.as_str(), if first { "redealt" } else { "signed" }),
    };
    let reviewed = cards::reviewed(app, &open, |card, seen, now| review(&file.package, card, seen, now))?;
    cards::write_seen(&open.path, reviewed.seen())?;
    let chunks = reviewed.chunks(&file.dealings, &mut app.rng).map_err(|why| {
        CliError::from(why).advised("Do not contribute. Tell the security officers.".to_owned())
    })?;
    let here = (&open, &reviewed, chunks.as_slice());
    let (parts, rest) = match first {
        true => deal_again(app, here, code, &out)?,
        false => sign(app, here, &file.parts, &out)?,
    };
    let value = json!({
        "ceremony": reviewed.ceremony(), "custodian": who, "round": if first { 1 } else { 2 },
        "versions": reviewed.left().len(), "parts": parts, "file": out.display().to_string(),
    });
    app.emit(value, || format!("Wrote {}: give it to the vault's host. {rest}", out.display()));
    Ok(())
}

/// What a contributor's device has to go by: the card, the review, the old dealings.
type Here<'a> = (&'a OpenCard, &'a ReshareReview, &'a [Chunk]);

fn deal_again(
    app: &mut App<'_>,
    (open, reviewed, chunks): Here<'_>,
    code: Option<SecretBytes>,
    out: &Path,
) -> Result<(usize, &'static str), CliError> {
    let (card, expires) = (open.card.card(), reviewed.request().expires);
    gather::agree(app, reviewed, open, expires)?;
    let code = match code {
        Some(code) => code,
        None => room::ask_code(app, card.pseudonym(), Some(expires))?,
    };
    let now = app.now();
    let contribution = reviewed.agree(card, &code, now, &mut app.rng)?;
    let progress = Progress::new("versions");
    let (mut parts, mut done, all) = (Vec::new(), 0, reviewed.left().len() as u64);
    for chunk in chunks {
        progress.at(done, all);
        parts.push(reviewed.redeal(card, chunk, &mut app.rng)?);
        done += chunk.len() as u64;
    }
    drop(progress);
    files::write_message(out, &ReshareAnswer { contribution, parts })?;
    Ok((chunks.len(), "There is a second round: you will get another file."))
}

fn sign(
    app: &mut App<'_>,
    (open, reviewed, chunks): Here<'_>,
    parts: &[Vec<Redealt>],
    out: &Path,
) -> Result<(usize, &'static str), CliError> {
    let (card, expires) = (open.card.card(), reviewed.request().expires);
    if parts.len() != chunks.len() {
        return Err(FileError::OtherRound.into());
    }
    let mut checked: Vec<CheckedChunk> = Vec::new();
    for (chunk, offers) in chunks.iter().zip(parts) {
        let one = reviewed.check(chunk, offers, &mut app.rng).map_err(|why| {
            CliError::from(why).advised("Nothing was signed. Tell the host who is named.".to_owned())
        })?;
        checked.push(one);
    }
    if !checked.iter().all(|one| one.contributors().contains(card.pseudonym())) {
        return Err(not_signed(SignRefusal::NotAContributor));
    }
    let kept = reviewed.to_keep_all(&checked, gather::read_signed(&open.path)?.as_ref());
    let kept = kept.map_err(not_signed)?;
    app.ui.note(&tell::plain_words(reviewed));
    let names = checked.first().map(CheckedChunk::contributors).unwrap_or_default();
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    app.ui.note(&format!("All proofs of {} hold.", names.join(", ")));
    app.confirm(&format!("{}, do you sign?", card.pseudonym()), Some(expires))?;
    // A signature that is not kept could be given once more for something else.
    gather::write_signed(&open.path, &kept)?;
    let signed = reviewed.sign_all(card, &checked, &kept).map_err(not_signed)?;
    files::write_message(out, &signed)?;
    Ok((chunks.len(), "Nothing more is needed of you."))
}

fn not_signed(why: SignRefusal) -> CliError {
    let remedy = match why {
        SignRefusal::SignedAnother(_) => {
            "Nothing was signed. If what you signed came to nothing, the host aborts that ceremony and opens another: once the log shows it, this card signs anew."
        }
        SignRefusal::NotAContributor => {
            "Nothing was signed, and nothing is needed of you: others' re-dealings were taken."
        }
        SignRefusal::OtherCeremony | SignRefusal::NotKept => {
            "Nothing was signed. Ask the host for the second round's file again."
        }
    };
    CliError::from(why).advised(remedy.to_owned())
}

/// The open ceremony of a resharing, its log and its old group.
struct Open {
    vault: Vault,
    log: Log,
    ceremony: Hash,
    found: Ceremony,
    from: GroupStatement,
    keys: (GroupKeys, GroupKeys),
}

fn open(app: &mut App<'_>, ceremony: Hash) -> Result<(Open, crate::vault::reshare::Cleared), CliError> {
    let (mut vault, mut log) = log_of(app, &ceremony)?;
    let found = vault.known(&log, &ceremony)?.into_owned();
    if let Standing::Ended(how) = found.standing {
        return Err(VaultError::CeremonyEnded(standing_word(Standing::Ended(how))).into());
    }
    let no_resharing = || CliError::Argument {
        fact: format!("ceremony {} hands nothing over", ceremony.short()),
        remedy: "Name files of a resharing; 'warifu ceremony list ORG' lists ceremonies.",
    };
    let reshare = found.reshare.clone().ok_or_else(no_resharing)?;
    // What an earlier run replaced and did not come to destroy.
    let cleared = vault.clear_replaced(&mut log, app.now(), &mut app.rng)?;
    let statement = |group, epoch| log.state.statement(group, epoch).cloned().ok_or_else(no_resharing);
    let from = statement(&reshare.from.group, reshare.from.epoch)?;
    let to = statement(&reshare.to.group, reshare.to.epoch)?;
    let keys = |group| log.state.group_keys(group).map_err(VaultError::from);
    let keys = (keys(&from)?, keys(&to)?.with_tables());
    Ok((Open { vault, log, ceremony, found, from, keys }, cleared))
}

impl Open {
    fn left(&self) -> Vec<(u64, Hash, Hash)> {
        self.log.state.reshare_left(&self.found)
    }

    /// The old dealings of versions that are left, verified.
    fn chunk(&self, app: &mut App<'_>, left: &[(u64, Hash, Hash)]) -> Result<Chunk, CliError> {
        let records = self.vault.next_dealings(&self.log, left)?;
        let (old, new) = &self.keys;
        Ok(Chunk::of(self.ceremony, left, &records, (old, new), &mut app.rng)?)
    }

    /// Judges whoever is not accepted yet; somebody who was set aside, or whose card
    /// counts for nothing, is refused.
    fn admit(&mut self, app: &mut App<'_>, answers: &[ReshareAnswer]) -> Result<(), CliError> {
        for answer in answers {
            let (who, now) = (answer.contribution.custodian.clone(), app.now());
            if self.found.reshare.as_ref().is_some_and(|reshare| reshare.rejected.contains(&who)) {
                return Err(CliError::SetAside(who));
            }
            let left = judge::tries_left(&self.log.state, &who, now);
            if let Some(how) = self.log.state.cards.barred(&who) {
                return Err(CliError::Refused { who, why: how.into(), left });
            }
            // Whose code was right in this ceremony has shown the second factor.
            if self.found.accepted.contains_key(&who) {
                continue;
            }
            let Self { vault, log, .. } = self;
            if let Event::Refused { why, .. } = vault.accept(log, &answer.contribution, now)? {
                let left = judge::tries_left(&log.state, &who, now);
                return Err(CliError::Refused { who, why, left });
            }
            app.ui.note(&format!("{who} takes part."));
            self.found = self.vault.known(&self.log, &self.ceremony)?.into_owned();
        }
        Ok(())
    }
}

/// `ceremony gather`: takes in what contributors dealt again, and writes the second
/// round's file. Long, because a round is read from top to bottom.
pub fn gather_answers(app: &mut App<'_>, answers: &[PathBuf], out: &Path) -> Result<(), CliError> {
    if out.exists() {
        return Err(CliError::FileExists(out.to_owned()));
    }
    let mut answers = answers.iter().map(|path| files::read_message(path)).collect::<Result<Vec<_>, _>>()?;
    let ceremony = check_answers(&answers)?.ok_or(CliError::TooFewAnswers { there: 0, needed: 2 })?;
    let (mut open, _) = open(app, ceremony)?;
    open.admit(app, &answers)?;
    let needed = open.from.needed();
    if answers.len() < needed {
        return Err(CliError::TooFewAnswers { there: answers.len(), needed });
    }
    answers.truncate(needed);
    let (left, mut parts) = (open.left(), Vec::new());
    let progress = Progress::new("versions");
    for (at, part) in left.chunks(MAX_CHUNK).enumerate() {
        progress.at((at * MAX_CHUNK) as u64, left.len() as u64);
        let chunk = open.chunk(app, part)?;
        let offers = offers_of(&chunk, &answers)?;
        match chunk.check(&open.from, &offers, &mut app.rng) {
            Ok(_) => parts.push(offers),
            Err(CheckError::Culprits(culprits)) => {
                drop(progress);
                let now = app.now();
                open.vault.reject_redealings(&mut open.log, &ceremony, &culprits, now)?;
                return Err(CliError::BadRedealings(culprits.into_iter().map(|one| one.custodian).collect()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    drop(progress);
    let file = open.vault.reshare_file(&open.log, &ceremony, parts)?;
    files::write_message(out, &file)?;
    let names: Vec<_> = answers.iter().map(|answer| answer.contribution.custodian.to_string()).collect();
    let value = json!({
        "ceremony": ceremony, "contributors": names, "versions": left.len(), "parts": file.parts.len(),
        "file": out.display().to_string(),
    });
    app.emit(value, || {
        format!(
            "What {} dealt again proves itself, {}. Give {} to just these: each checks it and signs with 'warifu ceremony contribute'.\nNext: warifu ceremony hand-over {} SIGNED…",
            names.join(", "),
            counted(left.len(), "version"),
            out.display(),
            files::as_argument(out)
        )
    });
    Ok(())
}

/// `ceremony hand-over`: enters what all contributors signed, part after part, and goes
/// on where an earlier run ended.
pub fn hand_over(app: &mut App<'_>, round: &Path, signed: &[PathBuf]) -> Result<(), CliError> {
    let round: ReshareFile = files::read_message(round)?;
    let signed = signed.iter().map(|path| files::read_message(path)).collect::<Result<Vec<_>, _>>()?;
    let ceremony = check_signers(&round, &signed)?;
    if round.parts.is_empty() {
        return Err(FileError::OtherRound.into());
    }
    let (mut open, cleared) = match open(app, ceremony) {
        Err(CliError::Vault(VaultError::CeremonyEnded(how))) => return went_over(app, ceremony, how),
        opened => opened?,
    };
    let mut done = Done { cleared, ..Done::default() };
    let result = enter_all(app, &mut open, (&round.parts, &signed), &mut done);
    let reshare = open.found.reshare.clone();
    let (from, to) = reshare.map(|reshare| (reshare.from, reshare.to)).ok_or(FileError::OtherRound)?;
    if let Err(error) = result {
        if done.versions > 0 {
            tell::so_far(app, &open.log.state, from, &done);
        }
        return Err(error);
    }
    let now = app.now().max(open.log.state.last);
    if let Some(reshare) = &open.found.reshare {
        done.rejected.extend(reshare.rejected.iter().cloned());
    }
    open.vault.end_ceremony(&mut open.log, &ceremony, Ending::Closed, now)?;
    tell::report(app, &open.log.state, (from, to), Some(&ceremony), &done);
    Ok(())
}

/// Once more after the end: nothing is wrong where the log shows that all went over.
fn went_over(app: &mut App<'_>, ceremony: Hash, how: &'static str) -> Result<(), CliError> {
    let (mut vault, mut log) = log_of(app, &ceremony)?;
    let found = vault.known(&log, &ceremony)?.into_owned();
    match &found.reshare {
        Some(reshare)
            if found.standing == Standing::Ended(Ending::Closed)
                && log.state.reshare_left(&found).is_empty() =>
        {
            let cleared = vault.clear_replaced(&mut log, app.now(), &mut app.rng)?;
            let done = Done { cleared, ..Done::default() };
            tell::report(app, &log.state, (reshare.from, reshare.to), Some(&ceremony), &done);
            Ok(())
        }
        _ => Err(VaultError::CeremonyEnded(how).into()),
    }
}

fn enter_all(
    app: &mut App<'_>,
    open: &mut Open,
    (parts, signed): (&[Vec<Redealt>], &[ReshareSignatures]),
    done: &mut Done,
) -> Result<(), CliError> {
    let (all, progress) = (open.found.targets.len() as u64, Progress::new("versions"));
    for offers in parts {
        let wanted = offers.first().map(|offer| offer.credentials.as_slice()).unwrap_or_default();
        let left = open.left();
        progress.at(all - left.len() as u64, all);
        let here: Vec<_> =
            left.into_iter().filter(|(_, credential, _)| wanted.contains(credential)).collect();
        // Entered by an earlier run.
        if here.is_empty() {
            continue;
        }
        if here.len() != wanted.len() {
            return Err(FileError::OtherRound.into());
        }
        let chunk = open.chunk(app, &here)?;
        let checked = chunk.check(&open.from, offers, &mut app.rng)?;
        let contributors = signatures_of(&open.from, &checked, signed)?;
        let now = app.now();
        if now > open.found.expires {
            let needed = open.from.needed();
            return Err(CliError::Expired { there: needed, needed });
        }
        open.vault.enter_reshared(&mut open.log, &checked, contributors, now)?;
        done.versions += checked.versions().len() as u64;
        let cleared = open.vault.clear_replaced(&mut open.log, app.now(), &mut app.rng)?;
        done.cleared.dealings += cleared.dealings;
        done.cleared.pending |= cleared.pending;
    }
    if open.left().is_empty() { Ok(()) } else { Err(FileError::OtherRound.into()) }
}

/// Whether bytes of this kind are an answer of the first or the second round, which
/// several files of are taken in together.
pub fn is_answer(kind: &str) -> bool {
    [ReshareAnswer::KIND, ReshareSignatures::KIND].contains(&kind)
}
