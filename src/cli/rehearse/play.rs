//! The play, scene by scene. Every command must go as the scene says.

use super::super::cards::{read_card, read_seen, write_seen};
use super::super::{CliError, Exit, files};
use super::Rehearsal;
use super::forger::change_an_entry;
use crate::ceremony::custodian::review;
use crate::cli::clock::Clock;
use crate::message::Package;
use crate::seal::words;
use crate::secret::SecretBytes;
use crate::time::Span;
use crate::vault::Vault;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use std::path::{Path, PathBuf};

const ADDRESS: &str = "demo/web/prod";
const GROUP: &str = "demo/keepers";
const REASON: &str = "rehearsal: the billing address has to change";

impl Rehearsal<'_, '_> {
    /// The whole play.
    pub(super) fn play(&mut self) -> Result<(), CliError> {
        self.narrate(
            "A rehearsal in a throw-away vault. Cards, Argon2id, TOTP, proofs, store and log are the real ones;\nonly the clock is simulated, and each passphrase is stretched once and then remembered.\nSome commands are refused: that is meant, and shown. The exit code tells whether everything went as it must.",
        );
        self.a_vault()?;
        self.people()?;
        self.a_group()?;
        self.keepers()?;
        let sealed = self.a_password()?;
        self.an_expired_ceremony()?;
        let ceremony = self.refusals()?;
        self.a_forged_share(&ceremony)?;
        self.the_password_comes_out(&ceremony, &sealed)?;
        self.rotated_and_opened_in_the_room()?;
        self.the_record()?;
        self.a_dead_host()?;
        self.a_changed_log()?;
        self.narrate("\nEverything went as it must.");
        Ok(())
    }

    fn a_vault(&mut self) -> Result<(), CliError> {
        self.scene("A vault, an organisation, a project, an account");
        self.must(&["init", "--origin", "rehearsal.invalid/warifu"])?;
        self.must(&["org", "add", "demo", "--name", "Demonstration"])?;
        self.must(&["project", "add", "demo/web"])?;
        self.must(&["account", "add", ADDRESS, "--id", "123456789012", "--name", "Webshop"])?;
        Ok(())
    }

    fn people(&mut self) -> Result<(), CliError> {
        self.scene("Five custodians and an operator get their cards");
        let cards = self.path("cards");
        std::fs::create_dir_all(&cards).map_err(|why| CliError::file(&cards, why))?;
        let roles = ["custodian", "custodian", "custodian", "custodian", "custodian", "operator"];
        for (position, role) in roles.into_iter().enumerate() {
            let name = if role == "operator" {
                "operator.card".to_owned()
            } else {
                format!("custodian-{}.card", position + 1)
            };
            let card = cards.join(name);
            self.cast.newcomer(role, &card, &mut UnwrapErr(SysRng));
            self.must(&[role, "enrol", "demo", "--card", &text(&card)])?;
            self.clock.pass(Span::seconds(30));
        }
        Ok(())
    }

    /// Card and pseudonym of custodian `1..=5`.
    fn custodian(&self, number: usize) -> Result<(PathBuf, String), CliError> {
        let found = self.cast.people.get(number - 1).map(|p| (p.card.clone(), p.pseudonym.clone()));
        found.ok_or_else(|| self.failed(&[], "a member of the cast is missing"))
    }

    fn operator(&self) -> Result<(PathBuf, String), CliError> {
        self.custodian(6)
    }

    fn a_group(&mut self) -> Result<(), CliError> {
        self.scene("A group: three of five open; all five sign, three admit the operator and agree to hold");
        let mut members = Vec::new();
        for number in 1..=5 {
            let (card, name) = self.custodian(number)?;
            self.cast.turns.push_back(card);
            members.push(name);
        }
        self.must(&["group", "form", GROUP, "--threshold", "3", "--members", &members.join(",")])?;
        let operator = self.operator()?.1;
        self.turns(&[1, 2, 3])?;
        self.must(&["operator", "admit", GROUP, &operator, "--days", "90"])?;
        self.turns(&[3, 4, 5])?;
        self.must(&["bind", "demo", "--factor", "password", "--group", GROUP])?;
        Ok(())
    }

    /// People 7 to 9 of the cast. Their names the command says: no code is asked for.
    fn keepers(&mut self) -> Result<(), CliError> {
        self.scene("Three keepers get the gate's root dealt: two of them bring it back if the host dies");
        let mut members = Vec::new();
        for number in 1..=3 {
            let card = self.path("cards").join(format!("keeper-{number}.card"));
            self.cast.newcomer("keeper", &card, &mut UnwrapErr(SysRng));
            let said = self.must(&["recovery", "enrol", "--card", &text(&card)])?;
            let name = said.split("The new keeper is ").nth(1).and_then(|rest| rest.split('.').next());
            let name =
                name.ok_or_else(|| self.failed(&["recovery", "enrol"], "no keeper was named"))?.to_owned();
            if let Some(keeper) = self.cast.people.last_mut() {
                keeper.pseudonym.clone_from(&name);
            }
            members.push(name);
            self.cast.turns.push_back(card);
        }
        self.must(&["recovery", "form", "--threshold", "2", "--members", &members.join(",")])?;
        let status = self.must(&["status"])?;
        self.require("the recovery group is there", status.contains("recovery group: 2 of 3 keepers"))
    }

    fn turns(&mut self, numbers: &[usize]) -> Result<(), CliError> {
        for number in numbers {
            let card = self.custodian(*number)?.0;
            self.cast.turns.push_back(card);
        }
        Ok(())
    }

    /// Seals with a hand-over, so that the end can be compared with the beginning.
    fn a_password(&mut self) -> Result<SecretBytes, CliError> {
        self.scene("A root password is generated and sealed; no custodian is there");
        let vault = Vault::open(&self.path("vault"), &mut || None)?;
        let log = vault.log(&"demo".parse()?)?;
        let group = log
            .state
            .groups
            .values()
            .next()
            .map(|g| words::fingerprint(&g.fingerprint(&log.state.id)).to_string());
        drop(vault);
        let words = group.ok_or_else(|| self.failed(&["seal"], "there is no group"))?;
        self.must(&["seal", ADDRESS, "--login", "root@example.com", "--fingerprint", &words, "--hand-over"])?;
        let shown = self.cast.shown.take();
        self.must(&["status"])?;
        shown.ok_or_else(|| self.failed(&["seal"], "no password was handed over"))
    }

    /// Opens a ceremony by files; gives its hash and the package's file.
    fn request(&mut self, name: &str, window: &str) -> Result<(String, PathBuf), CliError> {
        let file = self.path(name);
        let operator = self.operator()?.0;
        let card = text(&operator);
        self.must(&[
            "ceremony",
            "request",
            ADDRESS,
            "--reason",
            REASON,
            "--ticket",
            "OPS-7",
            "--window",
            window,
            "--card",
            &card,
            "--out",
            &text(&file),
        ])?;
        let package: Package = files::read_message(&file)?;
        Ok((package.signed.request.hash().to_string(), file))
    }

    /// A custodian answers on their own machine; the file that they send.
    fn contribute(&mut self, request: &Path, number: usize, name: &str) -> Result<PathBuf, CliError> {
        let (card, _) = self.custodian(number)?;
        let file = self.path(name);
        self.must(&[
            "ceremony",
            "contribute",
            &text(request),
            "--card",
            &text(&card),
            "--out",
            &text(&file),
        ])?;
        Ok(file)
    }

    fn an_expired_ceremony(&mut self) -> Result<(), CliError> {
        self.scene("A ceremony for which only one custodian comes: it expires and is closed");
        let (hash, file) = self.request("first.request", "1m")?;
        self.clock.pass(Span::seconds(57));
        let answer = self.contribute(&file, 1, "first-1.contribution")?;
        self.must(&["ceremony", "accept", &text(&answer)])?;
        let operator = text(&self.operator()?.0);
        self.must_refuse(&["ceremony", "finish", "demo", short(&hash), "--card", &operator], Exit::Ceremony)?;
        self.clock.pass(Span::seconds(4));
        let listed = self.must(&["ceremony", "list", "demo", "--all"])?;
        self.require("the ceremony is expired", listed.contains("expired"))?;
        let status = self.must(&["account", "list", "demo"])?;
        self.require("the version counts as weakened", status.contains("weakened (1)"))
    }

    /// A replayed code, a wrong code, and two where three are needed.
    fn refusals(&mut self) -> Result<String, CliError> {
        self.scene("A second ceremony: a replayed code, a wrong code and two shares are not enough");
        let replayed_until = self.code_of(1)?;
        let (hash, file) = self.request("second.request", "15m")?;
        self.cast.false_code = Some(replayed_until);
        let answer = self.contribute(&file, 1, "second-1-replayed.contribution")?;
        let told = self.must_refuse(&["ceremony", "accept", &text(&answer)], Exit::Denied)?;
        self.require("the replayed code is named", told.contains("refused (replayed-code)"))?;
        let right = self.code_now(2)?;
        self.cast.false_code = Some(another_code(&right));
        let answer = self.contribute(&file, 2, "second-2-wrong.contribution")?;
        self.must_refuse(&["ceremony", "accept", &text(&answer)], Exit::Denied)?;
        for number in [1, 2] {
            self.clock.pass(Span::seconds(30));
            let answer = self.contribute(&file, number, &format!("second-{number}.contribution"))?;
            self.must(&["ceremony", "accept", &text(&answer)])?;
        }
        let operator = text(&self.operator()?.0);
        let told = self.must_refuse(
            &["ceremony", "finish", "demo", short(&hash), "--card", &operator],
            Exit::Ceremony,
        )?;
        self.require("two of three are refused", told.contains("2 of 3"))?;
        Ok(hash)
    }

    /// The code that custodian `number` used a moment ago, in the step before this one.
    fn code_of(&self, number: usize) -> Result<SecretBytes, CliError> {
        let missing = || self.failed(&[], "an authenticator is missing");
        let person = self.cast.people.get(number - 1).ok_or_else(missing)?;
        let totp = person.totp.as_ref().ok_or_else(missing)?;
        Ok(totp.code_at(crate::seal::totp::step_of(self.clock.now().unix_seconds()) - 1))
    }

    fn code_now(&self, number: usize) -> Result<SecretBytes, CliError> {
        let (_, name) = self.custodian(number)?;
        self.cast.code_now(&name).ok_or_else(|| self.failed(&[], "an authenticator is missing"))
    }

    /// Custodian 3 runs a program of their own that garbles the share; the
    /// product has no command for that.
    fn a_forged_share(&mut self, ceremony: &str) -> Result<(), CliError> {
        self.scene("Custodian 3 sends a forged share: it is named, and custodian 4 takes the place");
        self.clock.pass(Span::seconds(30));
        let (path, name) = self.custodian(3)?;
        let package: Package = files::read_message(&self.path("second.request"))?;
        let code = self.code_now(3)?;
        let passphrase = self.cast.people.get(2).map(|p| SecretBytes::new(p.passphrase.expose().to_vec()));
        let passphrase = passphrase.ok_or_else(|| self.failed(&[], "a passphrase is missing"))?;
        let file = read_card(&path)?;
        let key = super::remembering(&self.memo)(&passphrase, file.salt(), file.params())?;
        let unlocked = file.unlock_with(key).map_err(|why| CliError::Card { path: path.clone(), why })?;
        let card = unlocked.card();
        let mut rng = UnwrapErr(SysRng);
        let seen = read_seen(&path)?;
        let reviewed = review(&package, card, seen.as_ref(), self.clock.now())?;
        write_seen(&path, reviewed.seen())?;
        let mut shares = reviewed.open_shares(card, &mut rng)?;
        // A share of the right form for another request: it decodes, and proves nothing.
        for share in &mut shares {
            if let Some(byte) = share.expose_mut().get_mut(96) {
                *byte ^= 1;
            }
        }
        let forged = reviewed.assemble(card, &shares, &code, self.clock.now(), &mut rng)?;
        let sent = self.path("second-3-forged.contribution");
        files::write_message(&sent, &forged)?;
        self.must(&["ceremony", "accept", &text(&sent)])?;
        let operator = text(&self.operator()?.0);
        let told = self.must_refuse(
            &["ceremony", "finish", "demo", short(ceremony), "--card", &operator],
            Exit::Ceremony,
        )?;
        self.require(
            "the forger is named",
            told.contains(&format!("The share of {name} does not prove itself")),
        )
    }

    fn the_password_comes_out(&mut self, ceremony: &str, sealed: &SecretBytes) -> Result<(), CliError> {
        self.clock.pass(Span::seconds(30));
        let file = self.path("second.request");
        let answer = self.contribute(&file, 4, "second-4.contribution")?;
        self.must(&["ceremony", "accept", &text(&answer)])?;
        let operator = text(&self.operator()?.0);
        self.must(&["ceremony", "finish", "demo", short(ceremony), "--card", &operator])?;
        let shown = self.cast.shown.take();
        self.require("what came out is what was sealed", shown.is_some_and(|shown| shown.same_as(sealed)))?;
        self.narrate("    What came out is what was sealed.");
        let status = self.must(&["account", "list", "demo"])?;
        self.require("the version is exposed", status.contains("EXPOSED"))
    }

    fn rotated_and_opened_in_the_room(&mut self) -> Result<(), CliError> {
        self.scene("A new version is sealed, and three custodians open it together in one room");
        self.must(&["seal", ADDRESS, "--login", "root@example.com"])?;
        self.clock.pass(Span::seconds(60));
        self.turns(&[2, 4, 5])?;
        let operator = text(&self.operator()?.0);
        self.must(&["open", ADDRESS, "--reason", REASON, "--card", &operator])?;
        let shown = self.cast.shown.take();
        self.require("a password of 40 characters came out", shown.is_some_and(|p| p.len() == 40))
    }

    fn the_record(&mut self) -> Result<(), CliError> {
        self.scene("The record: verified, and read");
        self.must(&["audit", "verify"])?;
        self.must(&["audit", "log", "demo"])?;
        Ok(())
    }

    /// A backup has no gate.key; with it and two keepers there is a vault again.
    fn a_dead_host(&mut self) -> Result<(), CliError> {
        self.scene(
            "The host dies: on a new machine a backup is restored, and two keepers bring gate.key back",
        );
        let (backup, copy) = (text(&self.path("backup")), self.path("new-host"));
        self.must(&["backup", &backup])?;
        self.must_in(&copy, &["restore", &backup])?;
        let seal = ["seal", ADDRESS, "--login", "root@example.com"];
        self.must_refuse_in(&copy, &seal, Exit::Storage)?;
        let [one, two] = [7, 8].map(|number| self.custodian(number).map(|(card, _)| text(&card)));
        let (one, two) = (one?, two?);
        let told = self.must_refuse_in(&copy, &["recover", "--card", &one, "--card", &one], Exit::Denied)?;
        self.require("one keeper is not two", told.contains("has given a share already"))?;
        self.must_in(&copy, &["recover", "--card", &one, "--card", &two])?;
        let read = |dir: &Path| {
            let path = dir.join("gate.key");
            std::fs::read(&path).map(SecretBytes::new).map_err(|why| CliError::file(&path, why))
        };
        let (lost, found) = (read(&self.path("vault"))?, read(&copy)?);
        self.require("what came back is the gate that was lost", lost.same_as(&found))?;
        self.must_in(&copy, &seal)?;
        self.must_in(&copy, &["audit", "verify"])?;
        Ok(())
    }

    fn copy_vault(&self, copy: &Path, names: &[&str]) -> Result<(), CliError> {
        std::fs::create_dir_all(copy).map_err(|why| CliError::file(copy, why))?;
        for name in names {
            let from = self.path("vault").join(name);
            if from.exists() {
                std::fs::copy(&from, copy.join(name)).map_err(|why| CliError::file(&from, why))?;
            }
        }
        Ok(())
    }

    /// Somebody edits the database of a copy: what was shown was shown to nobody.
    fn a_changed_log(&mut self) -> Result<(), CliError> {
        self.scene("Somebody changes one entry in a copy of the database");
        let copy = self.path("changed");
        self.copy_vault(&copy, &["vault.db", "vault.db-wal", "gate.key"])?;
        let changed = change_an_entry(&copy, "\"shown\":\"screen\"", "\"shown\":\"nobody\"");
        let index = changed.map_err(|error| self.failed(&["audit", "verify"], &error.to_string()))?;
        let told = self.must_refuse_in(&copy, &["audit", "verify"], Exit::Tampered)?;
        self.require("the changed entry is named", told.contains(&format!("entry {index} ")))
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The first digits of a ceremony's hash.
fn short(hash: &str) -> &str {
    hash.get(..8).unwrap_or(hash)
}

/// A code that is certainly another.
fn another_code(code: &SecretBytes) -> SecretBytes {
    let digits = code.expose().iter().map(|d| if *d == b'9' { b'0' } else { d + 1 });
    SecretBytes::new(digits.collect())
}
