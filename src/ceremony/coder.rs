//! The gate's side where the gate is the recipient: it puts the shares of an
//! authenticator's seed together and makes codes of it. When it may, and what is
//! entered first, is decided in the vault.

use super::custodian::TO_GATE;
use super::recipient::{Shares, is_theirs};
use crate::event::{GroupStatement, Hash, Sealing};
use crate::message::Contribution;
use crate::name::Pseudonym;
use crate::pvss::{ClaimedDealing, GroupKeys, Quorum, QuorumError};
use crate::seal::contents::Contents;
use crate::seal::hpke::HpkeSecret;
use crate::seal::mfa::MfaSeed;
use crate::seal::record::{RecordError, SealedPayload};
use crate::secret::{SecretBytes, SecretPoint};
use crate::state::{Ceremony, Organisation};
use crate::time::Time;

/// Why the gate could not open a seed.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum CoderError {
    /// A record that lies beside the log is not the one that the log names.
    #[error("the {0} that lies beside the log is not the one that the log names")]
    NotAsLogged(&'static str),
    /// What lies beside the log in a custodian's name is not what the log accepted
    /// of them: whoever can write there is to blame, and no custodian.
    #[error("the contribution that lies beside the log for {0} is not the one that the log accepted")]
    NotTheirs(Pseudonym),
    /// The shares are no quorum, and none of them is bad: nobody else's would help.
    #[error("the shares that the log accepted are no quorum, although none is bad: {0}")]
    NoQuorum(#[from] QuorumError),
    /// The record does not open, or is no seed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// What the gate has for one target.
pub struct Held<'a> {
    /// The ceremony.
    pub ceremony: &'a Hash,
    /// Index of the target.
    pub target: u64,
    /// The version as it was sealed.
    pub sealing: &'a Sealing,
    /// Who holds it.
    pub group: &'a GroupStatement,
    /// Their keys.
    pub keys: &'a GroupKeys,
    /// The dealing's bytes.
    pub dealing: &'a [u8],
    /// The sealed record's bytes.
    pub sealed: &'a [u8],
    /// Accepted contributions whose share was not found bad, each of them checked
    /// with [`check_contribution`].
    pub contributions: &'a [Contribution],
}

/// Whether the contribution that lies beside the log in the name of `who` is theirs:
/// signed by them, and accepted by the log. Nobody may be held to one that is not.
pub fn check_contribution(
    state: &Organisation,
    ceremony: &Ceremony,
    who: &Pseudonym,
    contribution: &Contribution,
) -> Result<(), CoderError> {
    if contribution.custodian == *who && is_theirs(&state.people, ceremony, contribution) {
        return Ok(());
    }
    Err(CoderError::NotTheirs(who.clone()))
}

/// What came of it.
pub enum Put {
    /// The seed, and whose share does not prove itself although enough others do.
    Together(MfaSeed, Vec<Pseudonym>),
    /// Too few good shares; these, at least one, are to blame.
    TooFew(Vec<Pseudonym>),
}

/// Verifies every share with the gate's key of this ceremony, combines the good
/// ones and opens the record with the gate's own ingredient.
pub fn open(held: &Held<'_>, key: &HpkeSecret, ingredient: &SecretPoint) -> Result<Put, CoderError> {
    let Held { ceremony, target, sealing, group, keys, contributions, .. } = *held;
    let dealing = ClaimedDealing::read(held.dealing, &sealing.credential, keys)
        .and_then(ClaimedDealing::verify)
        .ok()
        .filter(|dealing| *dealing.id() == sealing.dealing)
        .ok_or(CoderError::NotAsLogged("dealing"))?;
    let sealed = SealedPayload::from_bytes(held.sealed)?;
    if sealed.payload_hash() != sealing.payload {
        return Err(CoderError::NotAsLogged("sealed record"));
    }
    let (good, bad) = Shares { target, ceremony, dealing: &dealing, group }.sort(contributions, key, TO_GATE);
    let quorum = match Quorum::gather(&dealing, good) {
        Ok(quorum) => quorum,
        Err(QuorumError::TooFew { .. }) if !bad.is_empty() => return Ok(Put::TooFew(bad)),
        Err(why) => return Err(why.into()),
    };
    match sealed.open(&sealing.credential, &quorum.combine(), ingredient)? {
        Contents::Mfa(seed) => Ok(Put::Together(seed, bad)),
        _ => Err(RecordError::OtherFactor(sealing.factor).into()),
    }
}

/// Codes of a seed, one after the other, and when each is good.
pub struct Codes {
    /// The present code first.
    pub codes: Vec<SecretBytes>,
    /// When the first of them is of no use any more.
    pub first_until: Time,
    /// Seconds for which each of the others is good.
    pub period: u64,
    /// What the provider calls the seed; may be empty.
    pub label: SecretBytes,
}

impl Codes {
    /// The code of `now` and those after it. None begins after the window's end,
    /// but for the one after the present: a provider's enrolment takes two.
    /// Otherwise gives how many there is time for.
    pub fn of(seed: MfaSeed, count: u64, now: Time, window_end: Time) -> Result<Self, u64> {
        let (first, period) = (seed.step_of(now.unix_seconds()), seed.period());
        let last = seed.step_of(window_end.unix_seconds());
        let most = last.saturating_sub(first).saturating_add(2);
        if count == 0 || count > most {
            return Err(most);
        }
        let codes = (first..first.saturating_add(count)).map(|step| seed.code_at(step)).collect();
        let first_until = Time::from_millis(i64::try_from((first + 1) * period * 1000).unwrap_or(i64::MAX));
        let label = SecretBytes::new(seed.label().expose().to_vec());
        Ok(Self { codes, first_until: first_until.unwrap_or(now), period, label })
    }

    /// When the last of them is of no use any more.
    pub fn until(&self) -> Time {
        let after = (self.codes.len() as u64).saturating_sub(1).saturating_mul(self.period);
        self.first_until + crate::time::Span::seconds(i64::try_from(after).unwrap_or(i64::MAX / 1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> MfaSeed {
        // "12345678901234567890", RFC 6238's.
        let text = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        MfaSeed::read(&SecretBytes::new(text.as_bytes().to_vec())).unwrap()
    }

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000).unwrap()
    }

    fn texts(codes: &Codes) -> Vec<&str> {
        codes.codes.iter().map(|code| code.expose_str().unwrap()).collect()
    }

    /// RFC 6238, appendix B: 07081804 of 1111111109 and 14050471 of 1111111111 are
    /// neighbouring steps.
    #[test]
    fn the_present_and_the_next_code_are_those_of_rfc_6238() {
        let codes = Codes::of(seed(), 2, at(1_111_111_109), at(1_111_111_109 + 900)).unwrap();
        assert_eq!(texts(&codes), ["081804", "050471"]);
        assert_eq!((codes.first_until, codes.until()), (at(1_111_111_110), at(1_111_111_140)));
        assert_eq!(codes.period, 30);
    }

    #[test]
    fn no_more_codes_than_the_window_has() {
        let start = 1_111_111_110;
        let codes =
            |count, window| Codes::of(seed(), count, at(start), at(start + window)).map(|c| c.codes.len());
        assert_eq!(codes(2, 0), Ok(2), "the next one too, at the very end");
        assert_eq!(codes(3, 0), Err(2));
        assert_eq!(codes(3, 29), Err(2));
        assert_eq!(codes(3, 30), Ok(3));
        assert_eq!(codes(32, 900), Ok(32));
        assert_eq!(codes(33, 900), Err(32));
        assert_eq!(codes(0, 900), Err(32));
        assert_eq!(codes(u64::MAX, 900), Err(32));
    }
}
