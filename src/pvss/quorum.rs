//! At least `t` verified shares of one dealing, and the point that they share.

use super::{record::VerifiedDealing, shamir, share::VerifiedShare};
use crate::secret::SecretPoint;

/// Why shares are not a quorum. Indices are `1..=n`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuorumError {
    /// A share belongs to another dealing.
    #[error("share {index} belongs to another dealing")]
    OtherDealing {
        /// Whose share.
        index: u8,
    },
    /// Two shares of one member.
    #[error("there are two shares of member {index}")]
    Repeated {
        /// Whose shares.
        index: u8,
    },
    /// Not enough shares.
    #[error("{missing} more of {threshold} shares are missing")]
    TooFew {
        /// Shares still missing.
        missing: usize,
        /// `t`.
        threshold: usize,
    },
}

/// Exactly `t` verified shares of one dealing, of `t` different members.
#[derive(Debug)]
pub struct Quorum(Vec<VerifiedShare>);

impl Quorum {
    /// Checks that the shares are of this dealing, of different members, and at
    /// least `t`. Any `t` of them give the same point; those with the lowest
    /// indices are kept.
    ///
    /// The threshold is checked here and nowhere below: too few shares would
    /// combine, to a wrong point.
    pub fn gather(dealing: &VerifiedDealing, mut shares: Vec<VerifiedShare>) -> Result<Self, QuorumError> {
        if let Some(stranger) = shares.iter().find(|share| share.dealing() != dealing.id()) {
            return Err(QuorumError::OtherDealing { index: stranger.index() });
        }
        shares.sort_unstable_by_key(VerifiedShare::index);
        let neighbours = shares.iter().zip(shares.iter().skip(1));
        if let Some((twice, _)) = neighbours.into_iter().find(|(one, two)| one.index() == two.index()) {
            return Err(QuorumError::Repeated { index: twice.index() });
        }
        let threshold = dealing.context().keys().threshold().t();
        match threshold.checked_sub(shares.len()) {
            None | Some(0) => {}
            Some(missing) => return Err(QuorumError::TooFew { missing, threshold }),
        }
        shares.truncate(threshold);
        Ok(Self(shares))
    }

    /// `S = Σ λ_i·A_i`, the Lagrange interpolation at 0.
    pub fn combine(self) -> SecretPoint {
        shamir::combine(self.0.iter().map(|share| (share.index(), share.point())))
    }
}
