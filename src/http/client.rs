//! Asks witnesses over HTTP, all at the same time. What they send is verified by
//! whoever asked. Proxies of the environment are not used, redirections not
//! followed: who is asked is what the policy says.

use crate::log::cosignature::Cosignature;
use crate::log::policy::Witness;
use crate::log::witness::{AddCheckpoint, MAX_ANSWER};
use crate::vault::witness::{Asked, Unanswered, Witnesses, converse};
use std::time::{Duration, Instant};
use ureq::Agent;

/// How long witnesses have to answer, unless another time is given.
pub const WAIT: Duration = Duration::from_secs(30);

/// Asks witnesses at their addresses.
pub struct HttpWitnesses {
    wait: Duration,
}

impl HttpWitnesses {
    /// Each witness has this long for its whole conversation.
    pub fn new(wait: Duration) -> Self {
        Self { wait }
    }
}

impl Witnesses for HttpWitnesses {
    fn ask(&mut self, asked: &Asked<'_>, witnesses: &[Witness]) -> Vec<Result<Cosignature, Unanswered>> {
        let end = Instant::now() + self.wait;
        std::thread::scope(|scope| {
            let begun: Vec<_> =
                witnesses.iter().map(|witness| scope.spawn(move || one(asked, witness, end))).collect();
            let failed = || Err(Unanswered::Unreachable("asking it failed".to_owned()));
            begun.into_iter().map(|asking| asking.join().unwrap_or_else(|_| failed())).collect()
        })
    }
}

fn one(asked: &Asked<'_>, witness: &Witness, end: Instant) -> Result<Cosignature, Unanswered> {
    let prefix = witness.url.as_deref().ok_or(Unanswered::NoAddress)?;
    let url = format!("{}/add-checkpoint", prefix.trim_end_matches('/'));
    converse(asked, &witness.key, &mut |request| post(&url, request, end).map_err(|why| why.to_string()))
}

fn post(url: &str, request: &AddCheckpoint, end: Instant) -> Result<(u16, Vec<u8>), ureq::Error> {
    let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let config = Agent::config_builder()
        .timeout_global(Some(left))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build();
    let agent = Agent::new_with_config(config);
    let body = request.to_string();
    let mut answer = agent.post(url).content_type("text/plain; charset=utf-8").send(body.as_bytes())?;
    let status = answer.status().as_u16();
    let bytes = answer.body_mut().with_config().limit(MAX_ANSWER as u64).read_to_vec()?;
    Ok((status, bytes))
}
