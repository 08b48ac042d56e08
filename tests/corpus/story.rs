//! One ceremony from the vault's creation to its end, made by the library
//! itself: where the good seeds come from.

use rand::{SeedableRng, rngs::StdRng};
use warifu::ceremony::recovery::{DealtRoot, NewMachine, RecoveryContribution, RecoveryPackage, contribute};
use warifu::ceremony::{self, custodian, judge, recipient, reshare};
use warifu::event::{
    AbandonmentNotice, AbandonmentVeto, Accepts, AccountStanding, Actor, Admission, Agreed,
    AuthenticatorReplacement, BaselineFact, BaselineStatement, BaselineWord, Because, Binding,
    CardResumption, CardRevocation, CardSuspension, CheckedGroup, DealingsDestroyed, Destruction,
    DrillPolicy, Ending, Enrolment, Entry, Event, Gap, GroupStatement, IdentitySealing, Keeper, Line,
    LogHead, Made, Member, Mode, Period, Purpose, Reconciliation, RecoverabilityCheck, RedealingRejected,
    Refusal, Renewal, ReshareDone, RestoredWithGap, RootDealing, RootFinding, RootRecords, RootUse,
    RotationBegun, RotationPolicy, RotationSettled, SCHEMA, SaltedText, Scope, Sealing, Shown, Signed,
    Unopenable, WitnessPolicy, record_hash, reshare_list_hash,
};
use warifu::gate::{Gate, RootGate};
use warifu::hex::{Bytes, HexBytes};
use warifu::log::checkpoint::{self, Checkpoint};
use warifu::log::{entry::EntryBytes, merkle::Frontier, note::LogSigner};
use warifu::message::{
    Contribution, DrillPackage, DrillReply, Notices, Package, Redealt, Release, Request, ReshareAnswer,
    ReshareFile, ResharePackage, ReshareRequest, ReshareSignatures, Showing, SignedRequest, SignedReshare,
    Target, request_digest,
};
use warifu::name::{AccountId, Factor, GroupId, OrganisationId, Origin, ProjectId, Provider, Slug, VaultId};
use warifu::pvss::{self, DealingContext, ShareKeyPair, VerifiedDealing};
use warifu::seal::card::{Card, Role};
use warifu::seal::contents::{Contents, Identity, Sealable};
use warifu::seal::generate::Alphabet;
use warifu::seal::hpke::{self, HpkeSecret};
use warifu::seal::mfa::MfaSeed;
use warifu::seal::record::{self, Payload, SealedPayload};
use warifu::seal::root::{root_id, seal_roots};
use warifu::seal::sign::SigningKey;
use warifu::seal::totp::{TotpSecret, step_of};
use warifu::secret::{SecretBytes, SecretKey, SecretPoint};
use warifu::state::{Drill, Organisation, Roll, VaultState};
use warifu::time::{Span, Time};
use warifu::transcript::label;
use warifu::vault;
use warifu::vault::recovery::{draft, new_keeper};

/// What was made on the way.
pub struct Story {
    /// Lines of the vault's log and of the organisation's, in order.
    pub lines: Vec<EntryBytes>,
    /// What follows in the vault's log when keepers have the gate's root dealt.
    pub recovery: Vec<EntryBytes>,
    /// The root as it was sealed for them.
    pub sealed_root: Vec<u8>,
    /// What a new machine asked, and a keeper answered.
    pub recovery_messages: (RecoveryPackage, RecoveryContribution),
    /// A custodian's card.
    pub card: Card,
    /// The sealed payload.
    pub sealed: SealedPayload,
    /// The dealing of its key.
    pub dealing: VerifiedDealing,
    /// A share's plaintext.
    pub share: SecretBytes,
    /// What the operator signed.
    pub request: SignedRequest,
    /// What the custodians were given.
    pub package: Package,
    /// What two of them answered.
    pub contributions: Vec<Contribution>,
    /// What the operator was given.
    pub release: Release,
    /// What the operator said of it.
    pub notices: Notices,
    /// What members were given for a drill, and what one of them could answer.
    pub drill: (DrillPackage, DrillReply),
    /// What contributors of a resharing were given, and what one of them dealt again.
    pub reshare: Reshared,
    /// The same by files: the second round's file, and what one of them gave in each.
    pub reshare_files: ByFiles,
}

/// Tells the story; the same each time.
pub fn tell() -> Story {
    let mut scene = Scene::begin();
    scene.enrol();
    let (project, account) = scene.accounts();
    let group = scene.group("board");
    scene.admissions(&group);
    scene.bind(&group, project);
    let secret = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
    let payload =
        Payload { login: secret("root@example.com"), password: secret("correct horse"), notes: secret("") };
    let (dealing, sealed) = scene.seal(&group, account, &payload);
    let request = scene.open(&group, account, (&dealing, &sealed), (Purpose::Open, Factor::Password));
    let package = scene.package(&request, &dealing);
    let (share, contributions) = scene.contribute(&package);
    let release = scene.release(&request, &dealing, &sealed, &contributions);
    let notices = scene.say(&request);
    scene.rotate(&group, account, &request);
    scene.by_host(Event::Ended { ceremony: request.request.hash(), how: Ending::Closed });
    let drill = scene.drill(&group);
    let (recovery, sealed_root, recovery_messages, (keepers, cards)) = scene.recovery();
    scene.by_host(Event::KeepersNamed(keepers.clone()));
    let (card, held) = scene.codes(account);
    let (reshare, reshare_files) = scene.refresh(&held);
    scene.identity();
    scene.abandon(&card);
    scene.lose_entries(&keepers, &cards);
    scene.next_epoch();
    let lines = [scene.vault_lines, scene.log].concat();
    Story {
        lines,
        recovery,
        sealed_root,
        recovery_messages,
        card,
        sealed,
        dealing,
        share,
        request,
        package,
        contributions,
        release,
        notices,
        drill,
        reshare,
        reshare_files,
    }
}

/// What contributors of a resharing were given, and what one of them dealt again.
type Reshared = (ResharePackage, Redealt);
/// The second round's file, and one contributor's answers in both rounds.
type ByFiles = (ReshareFile, ReshareAnswer, ReshareSignatures);

const WORDS: [&str; 3] = ["amber-fox-lake", "quiet-heron-lamp", "plain-otter-hill"];

/// The people, their keys and the log as it grows.
struct Scene {
    rng: StdRng,
    now: Time,
    gate: RootGate,
    vault: VaultId,
    organisation: OrganisationId,
    origin: Origin,
    vault_lines: Vec<EntryBytes>,
    log: Vec<EntryBytes>,
    tree: Frontier,
    state: Organisation,
    custodians: Vec<Card>,
    operator: Card,
    totp: TotpSecret,
    reason: SaltedText,
    ticket: SaltedText,
    gate_secret: HpkeSecret,
}

fn slug(text: &str) -> Slug {
    text.parse().expect("a slug")
}

fn text(text: &str) -> SaltedText {
    SaltedText { salt: Bytes([3; 32]), text: text.to_owned() }
}

fn line(time: Time, actor: Actor, event: Event) -> EntryBytes {
    Entry { v: SCHEMA, time, actor, event }.to_line().expect("an entry")
}

fn read(line: &EntryBytes) -> Line {
    Entry::from_line(line).expect("an entry")
}

impl Scene {
    fn begin() -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let now = Time::parse("2026-03-01T09:00:00.000Z").expect("a time");
        let gate = RootGate::new(SecretKey::from_slice(&[9; 32]).expect("32 bytes"));
        let (vault, organisation) = (VaultId::random(&mut rng), OrganisationId::random(&mut rng));
        let base: Origin = "vault.example/warifu".parse().expect("an origin");
        let announce = |log: &OrganisationId| gate.announce(log, 1).expect("the first epoch");
        let created =
            Event::VaultCreated { vault, origin: base.clone(), gate: announce(&OrganisationId::from(vault)) };
        let origin = Origin::of_log(&base, &organisation);
        let first = line(
            now,
            Actor::Host,
            Event::OrganisationCreated {
                vault,
                organisation,
                slug: slug("acme"),
                origin: origin.clone(),
                name: Some(text("Acme Ltd").hash()),
                gate: announce(&organisation),
            },
        );
        let leaf = first.leaf_hash();
        let added = Event::OrganisationAdded { organisation, slug: slug("acme"), first_entry: leaf };
        let vault_lines = vec![line(now, Actor::Host, created), line(now, Actor::Host, added)];
        let begun = vault_lines.first().expect("two lines");
        let mut vault_state = VaultState::begin(&read(begun), &begun.leaf_hash()).expect("valid");
        let second = vault_lines.get(1).expect("two lines");
        vault_state.apply(&read(second), &second.leaf_hash()).expect("valid");
        let state = Organisation::begin(&read(&first), &leaf).expect("valid");
        vault_state.check_organisation(&state).expect("the log that was added");
        let mut tree = Frontier::new();
        tree.push(leaf);
        let mut card = |name: &str, role| {
            Card::create(vault, organisation, name.parse().expect("a pseudonym"), role, leaf, &mut rng)
        };
        let custodians = WORDS.iter().map(|name| card(name, Role::Custodian)).collect();
        let operator = card("brisk-tern-door", Role::Operator);
        let totp = TotpSecret::generate(&mut rng);
        let (gate_secret, _) = HpkeSecret::generate(&mut rng);
        Self {
            now,
            gate,
            vault,
            organisation,
            origin,
            vault_lines,
            log: vec![first],
            tree,
            state,
            custodians,
            operator,
            totp,
            reason: text("The payment method has to be changed."),
            ticket: text("OPS-1234"),
            gate_secret,
            rng,
        }
    }

    /// Appends an entry that the state accepts. A list of targets has its opening's
    /// time.
    fn append(&mut self, actor: Actor, event: Event) {
        if !matches!(event, Event::Targeted { .. }) {
            self.now = self.now + Span::seconds(1);
        }
        let line = line(self.now, actor, event);
        self.state.apply(&read(&line), &line.leaf_hash()).expect("the story is valid");
        self.tree.push(line.leaf_hash());
        self.log.push(line);
    }

    fn by_host(&mut self, event: Event) {
        self.append(Actor::Host, event);
    }

    fn by_operator(&mut self, event: Event) {
        self.append(Actor::Card(self.operator.pseudonym().clone()), event);
    }

    /// Two keepers, their group, and the root dealt to it.
    #[expect(clippy::type_complexity, reason = "a test's own")]
    fn recovery(
        &self,
    ) -> (Vec<EntryBytes>, Vec<u8>, (RecoveryPackage, RecoveryContribution), (GroupStatement, Vec<Card>))
    {
        let mut rng = StdRng::seed_from_u64(2);
        let begun = self.vault_lines.first().expect("two lines");
        let mut state = VaultState::begin(&read(begun), &begun.leaf_hash()).expect("valid");
        let mut lines = Vec::new();
        let mut append = |state: &mut VaultState, event| {
            let added = line(self.now, Actor::Host, event);
            state.apply(&read(&added), &added.leaf_hash()).expect("valid");
            lines.push(added);
        };
        let cards: Vec<_> = (0..2).map(|_| new_keeper(&state, &mut rng)).collect();
        for card in &cards {
            let (pseudonym, sign_key) = (card.pseudonym().clone(), card.signing_key().public());
            let mut keeper = Keeper { pseudonym, sign_key, signature: Bytes([0; 64]) };
            let digest = keeper.digest(&self.vault, &state.first_entry);
            keeper.signature = card.signing_key().sign(&digest);
            append(&mut state, Event::KeeperEnrolled(keeper));
        }
        let names: Vec<_> = cards.iter().map(|card| card.pseudonym().clone()).collect();
        let mut draft = draft(&state, 2, &names, &mut rng).expect("two keepers");
        for card in &cards {
            draft.join(&state, card, &mut rng).expect("a member");
        }
        let mut cards = cards;
        for card in &mut cards {
            draft.sign(&state, card).expect("the first statement");
        }
        let group = draft.finish();
        append(&mut state, Event::GroupFormed(group.clone()));
        let keys = state.group_keys(&group).expect("good keys");
        let credential = root_id(&self.vault, 1);
        let (dealing, shared) =
            pvss::deal(&DealingContext::new(credential, &keys), &keys, &mut rng).expect("a dealing");
        let root = seal_roots(&credential, &shared, self.gate.roots(), &mut rng).to_bytes();
        let (gate_epoch, epoch, sealed) = (1, group.epoch, record_hash(&root));
        let named = RootDealing { gate_epoch, group: group.group, epoch, dealing: *dealing.id(), sealed };
        append(&mut state, Event::GateRootDealt(named));
        let found = || DealtRoot::new(&state, &dealing.to_bytes()).expect("it was dealt");
        let machine = NewMachine::begin(found(), &mut rng);
        let card = cards.first().expect("two keepers");
        let answered = contribute(&found(), machine.request(), card, &mut rng).expect("a member");
        let whole: Vec<_> = self.vault_lines.iter().chain(&lines).cloned().collect();
        let mut tree = Frontier::new();
        whole.iter().for_each(|line| tree.push(line.leaf_hash()));
        let origin = Origin::of_log(&state.origin, &self.vault.into());
        let body = Checkpoint { origin: origin.to_string(), size: tree.size(), root: tree.root() };
        let seed = self.gate.log_seed(&self.vault.into(), 1).expect("the first epoch");
        let signer = LogSigner::new(origin.as_str(), seed).expect("a good name");
        let asked = RecoveryPackage {
            request: machine.request().clone(),
            checkpoint: checkpoint::sign(&body, &signer).expect("a checkpoint").to_string(),
            entries: custodian::lines(&whole),
            dealing: HexBytes(dealing.to_bytes()),
        };
        (lines, root, (asked, answered), (group, cards))
    }

    fn enrol(&mut self) {
        let enrolments: Vec<_> =
            self.custodians.iter().chain([&self.operator]).map(|card| self.enrolment(card)).collect();
        for enrolment in enrolments {
            self.by_host(Event::CardEnrolled(enrolment));
        }
    }

    fn enrolment(&self, card: &Card) -> Enrolment {
        let mut enrolment = Enrolment {
            role: card.role(),
            pseudonym: card.pseudonym().clone(),
            sign_key: card.signing_key().public(),
            cosign_key: card.cosign_key().public(),
            totp: record_hash(b"encrypted"),
            signature: Bytes([0; 64]),
        };
        let digest = enrolment.digest(&self.vault, &self.organisation, &card.first_entry());
        enrolment.signature = card.signing_key().sign(&digest);
        enrolment
    }

    fn accounts(&mut self) -> (ProjectId, AccountId) {
        let (project, account) = (ProjectId::random(&mut self.rng), AccountId::random(&mut self.rng));
        self.by_host(Event::ProjectCreated { project, slug: slug("shop"), name: None });
        self.by_host(Event::AccountCreated {
            account,
            project,
            slug: slug("production"),
            name: Some(text("Production").hash()),
            provider: Provider::Aws,
            external_id: "123456789012".to_owned(),
        });
        let other = AccountId::random(&mut self.rng);
        self.by_host(Event::AccountCreated {
            account: other,
            project,
            slug: slug("mail"),
            name: None,
            provider: Provider::Other(slug("post-office")),
            external_id: "shop@example".to_owned(),
        });
        self.by_host(Event::AccountRenamed { account: other, name: text("Post").hash() });
        let standing = AccountStanding::CredentialLess;
        self.by_host(Event::AccountStandingSet { account: other, standing });
        let (fact, word) = (BaselineFact::Mailbox, BaselineWord::Stated);
        let (serial, said) = (1, Some(text("Two of the board read it.").hash()));
        let (by, signature) = (self.operator.pseudonym().clone(), Bytes([0; 64]));
        let mut stated = BaselineStatement { account: other, fact, serial, word, text: said, by, signature };
        stated.signature = self.operator.signing_key().sign(&stated.digest(&self.organisation));
        self.by_operator(Event::BaselineStated(stated));
        (project, account)
    }

    /// Two of those who are there.
    fn group(&mut self, name: &str) -> GroupStatement {
        let group = GroupId::random(&mut self.rng);
        let g = pvss::group_id(&self.vault, &self.organisation, &group, 1);
        let mut members = Vec::new();
        for card in &self.custodians {
            let pair = ShareKeyPair::new(card.share_scalar(&g));
            let sign_key = card.signing_key().public();
            let possession = pvss::prove_possession(&pair, &g, &sign_key, &mut self.rng);
            let pseudonym = card.pseudonym().clone();
            members.push(Member { pseudonym, sign_key, share_key: *pair.public(), possession });
        }
        let mut statement = GroupStatement {
            group,
            slug: slug(name),
            epoch: 1,
            previous: None,
            threshold: 2,
            members,
            signatures: Vec::new(),
        };
        let digest = statement.digest(&self.organisation);
        for card in &mut self.custodians {
            card.remember_statement(group, 1, Bytes(digest)).expect("the first statement");
            statement.signatures.push(card.signing_key().sign(&digest));
        }
        self.by_host(Event::GroupFormed(statement.clone()));
        statement
    }

    fn signed_by_all(&self, digest: &[u8; 64]) -> Vec<Signed> {
        let sign = |card: &Card| Signed {
            pseudonym: card.pseudonym().clone(),
            signature: card.signing_key().sign(digest),
        };
        self.custodians.iter().map(sign).collect()
    }

    /// One admission that is taken back, and one that stays.
    fn admissions(&mut self, group: &GroupStatement) {
        let g = self.state.g(group);
        let admission = |expires, revocations| Admission {
            group: group.group,
            epoch: group.epoch,
            operator: self.operator.pseudonym().clone(),
            operator_key: self.operator.signing_key().public(),
            expires,
            revocations,
            signatures: Vec::new(),
        };
        let (mut first, mut second) =
            (admission(self.now + Span::days(30), 0), admission(self.now + Span::days(60), 1));
        first.signatures = self.signed_by_all(&first.digest(&g));
        second.signatures = self.signed_by_all(&second.digest(&g));
        let taken_back = Bytes(first.digest(&g));
        self.by_host(Event::OperatorAdmitted(first));
        let card = self.custodians.first().expect("three custodians");
        let custodian = card.pseudonym().clone();
        let signature = card.signing_key().sign(&Admission::revocation_digest(&taken_back));
        let actor = Actor::Card(custodian.clone());
        self.append(actor, Event::AdmissionRevoked { admission: taken_back, custodian, signature });
        self.by_host(Event::OperatorAdmitted(second));
    }

    fn bind(&mut self, group: &GroupStatement, project: ProjectId) {
        for (serial, scope) in [(1, Scope::Organisation), (2, Scope::Project(project))] {
            let mut binding = Binding {
                serial,
                scope,
                factor: Factor::Password,
                group: group.group,
                epoch: group.epoch,
                signatures: Vec::new(),
                given_up: Vec::new(),
            };
            let digest = binding.digest(&self.organisation, &self.state.g(group));
            binding.signatures = self.signed_by_all(&digest);
            self.by_host(Event::Bound(binding));
        }
        let mut policy = WitnessPolicy {
            group: group.group,
            epoch: group.epoch,
            serial: 1,
            policy: "quorum none\n".to_owned(),
            signatures: Vec::new(),
        };
        policy.signatures = self.signed_by_all(&policy.digest(&self.organisation, &self.state.g(group)));
        self.by_host(Event::WitnessPolicySet(policy));
        let mut drills = DrillPolicy {
            group: group.group,
            epoch: group.epoch,
            serial: 1,
            every_days: 60,
            signatures: Vec::new(),
        };
        drills.signatures = self.signed_by_all(&drills.digest(&self.organisation, &self.state.g(group)));
        self.by_host(Event::DrillPolicySet(drills));
    }

    fn seal(
        &mut self,
        group: &GroupStatement,
        account: AccountId,
        contents: &impl Sealable,
    ) -> (VerifiedDealing, SealedPayload) {
        let factor = contents.factor();
        let credential = pvss::credential_id(&self.vault, &self.organisation, &account, factor, 1);
        let keys = self.state.group_keys(group).expect("checked keys");
        let context = DealingContext::new(credential, &keys);
        let (dealing, shared) = pvss::deal(&context, &keys, &mut self.rng).expect("a dealing");
        let id = *dealing.id();
        self.by_host(Event::SealBegun { credential, origin: id, account, factor, version: 1 });
        let ingredient = self.ingredient(&credential, &id);
        let sealed =
            record::seal(&credential, &shared, &ingredient, contents, &mut self.rng).expect("it fits");
        self.by_host(Event::Sealed(Sealing {
            credential,
            account,
            factor,
            version: 1,
            group: group.group,
            epoch: group.epoch,
            gate_epoch: 1,
            payload: sealed.payload_hash(),
            dealing: id,
            origin: id,
            address: "acme/shop/production".to_owned(),
            provider: Provider::Aws,
            external_id: "123456789012".to_owned(),
            made: Made::Generated,
            shown: Shown::Nobody,
        }));
        (dealing, sealed)
    }

    fn ingredient(&mut self, credential: &Bytes<64>, origin: &Bytes<64>) -> SecretPoint {
        let gate = self.gate.key(&self.organisation, 1).expect("the first epoch");
        gate.ingredient(credential, origin, origin, &mut self.rng).point
    }

    fn open(
        &mut self,
        group: &GroupStatement,
        account: AccountId,
        (dealing, sealed): (&VerifiedDealing, &SealedPayload),
        (purpose, factor): (Purpose, Factor),
    ) -> SignedRequest {
        let target = Target {
            credential: *dealing.context().cred(),
            account,
            factor,
            version: 1,
            payload: sealed.payload_hash(),
            dealing: *dealing.id(),
            group: group.group,
            epoch: group.epoch,
        };
        let request = Request {
            vault: self.vault,
            organisation: self.organisation,
            nonce: Bytes([4; 32]),
            purpose,
            mode: Mode::Files,
            operator: self.operator.pseudonym().clone(),
            operator_key: self.operator.signing_key().public(),
            targets: vec![target],
            reason: self.reason.hash(),
            ticket: Some(self.ticket.hash()),
            size: self.tree.size(),
            root: self.tree.root(),
            asked: self.now,
            expires: self.now + judge::FILES_WINDOW,
            requester_key: HpkeSecret::from_key(crate::bodies::key()).public(),
        };
        let signature = self.operator.signing_key().sign(&request.signed_digest());
        let ceremony = request.hash();
        self.by_operator(Event::Opened(request.opening(self.gate_secret.public(), signature)));
        let credentials = request.targets.iter().map(|target| target.credential).collect();
        self.by_operator(Event::Targeted { ceremony, first: 0, credentials });
        SignedRequest { request, signature }
    }

    /// A drill in which the gate and one custodian prove their keys, and another's
    /// code is wrong.
    fn drill(&mut self, group: &GroupStatement) -> (DrillPackage, DrillReply) {
        // The codes of the ceremony are used up.
        self.now = self.now + Span::minutes(2);
        let until = self.now + Span::days(14);
        let (id, epoch, nonce) = (group.group, group.epoch, Bytes([6; 32]));
        let key = self.gate.drill_key(&self.organisation, 1, &nonce).expect("the first epoch");
        let code_key = Some(HpkeSecret::from_key(key).public());
        self.by_host(Event::DrillBegun { group: id, epoch, nonce, until, code_key });
        let drill = self.state.drills.last.get(&id).expect("it has begun").clone();
        let gate = self.gate.key(&self.organisation, 1).expect("the first epoch");
        let proof = gate.prove(&drill.id, &self.organisation, 1, &mut self.rng);
        self.by_host(Event::GateProved { drill: drill.id, gate_epoch: 1, proof });
        let files = self.drill_by_files(&drill);
        let mut answer = |card| {
            vault::drill::answer(&self.state, group, &drill, card, self.now, &mut self.rng).expect("a member")
        };
        let [one, other] = [0, 1].map(|at| answer(self.custodians.get(at).expect("three custodians")));
        let step = step_of(self.now.unix_seconds());
        let actor = Actor::Card(one.custodian.clone());
        self.append(actor, Event::CustodianProved { answer: one, step });
        let actor = Actor::Card(other.custodian.clone());
        self.append(actor, Event::DrillRefused { answer: other, why: Refusal::WrongCode });
        files
    }

    /// The same for somebody who is elsewhere.
    fn drill_by_files(&mut self, drill: &Drill) -> (DrillPackage, DrillReply) {
        let package = DrillPackage {
            vault: self.vault,
            organisation: self.organisation,
            drill: drill.id,
            checkpoint: self.checkpoint(),
            entries: custodian::lines(&self.log),
        };
        let card = self.custodians.first().expect("three custodians");
        let code = self.totp.code_at(step_of(self.now.unix_seconds()));
        let review = ceremony::drill::review(&package, card, None, self.now).expect("a current package");
        let reply = review.answer(card, &code, self.now, &mut self.rng).expect("a member");
        (package, reply)
    }

    fn checkpoint(&self) -> String {
        let seed = self.gate.log_seed(&self.organisation, 1).expect("the first epoch");
        let signer = LogSigner::new(self.origin.as_str(), seed).expect("an origin is a key name");
        let origin = self.origin.to_string();
        let checkpoint = Checkpoint { origin, size: self.tree.size(), root: self.tree.root() };
        checkpoint::sign(&checkpoint, &signer).expect("its own origin").to_string()
    }

    fn package(&self, request: &SignedRequest, dealing: &VerifiedDealing) -> Package {
        Package {
            signed: request.clone(),
            texts: vec![self.reason.clone(), self.ticket.clone()],
            checkpoint: self.checkpoint(),
            entries: custodian::lines(&self.log),
            dealings: vec![HexBytes(dealing.to_bytes())],
        }
    }

    /// Two right answers, a code of the wrong step before the second.
    fn contribute(&mut self, package: &Package) -> (SecretBytes, Vec<Contribution>) {
        let at = self.now;
        let code = |step: u64| self.totp.code_at(step_of(at.unix_seconds()) + step);
        let answers = [(0, code(0)), (1, code(9)), (1, code(0))];
        let (mut accepted, mut share) = (Vec::new(), None);
        for (who, code) in answers {
            let card = self.custodians.get(who).expect("three custodians");
            let review = custodian::review(package, card, None, at).expect("a current package");
            let mut shares = review.open_shares(card, &mut self.rng).expect("a member's key");
            let answer = review.assemble(card, &shares, &code, at, &mut self.rng).expect("good keys");
            let attempt = judge::attempt(&self.state, &answer).expect("a custodian's message");
            let event = attempt.judge(&self.state, &self.totp, Some(&code), at);
            match &event {
                Event::Accepted(_) => accepted.push(answer.clone()),
                other => assert!(matches!(other, Event::Refused { why: Refusal::WrongCode, .. })),
            }
            share = shares.pop();
            let actor = Actor::Card(card.pseudonym().clone());
            self.append(actor, event);
        }
        (share.expect("three answers"), accepted)
    }

    fn release(
        &mut self,
        request: &SignedRequest,
        dealing: &VerifiedDealing,
        sealed: &SealedPayload,
        contributions: &[Contribution],
    ) -> Release {
        let ceremony = request.request.hash();
        let quorum = judge::quorum(&self.state, &ceremony, 0).expect("two of three");
        self.by_host(quorum.event());
        let gate = self.gate.key(&self.organisation, 1).expect("the first epoch");
        let given = gate.ingredient(dealing.context().cred(), dealing.id(), &ceremony, &mut self.rng);
        let ingredient = hpke::seal(
            &request.request.requester_key,
            label::HPKE_RELEASE,
            &ceremony,
            custodian::FROM_GATE,
            "gate",
            given.proof.expose(),
            &mut self.rng,
        );
        let mut release = Release {
            signed: request.clone(),
            target: 0,
            dealing: HexBytes(dealing.to_bytes()),
            sealed: HexBytes(sealed.to_bytes()),
            ingredient: ingredient.expect("a good key"),
            requester_key: HexBytes(vec![7; 72]),
            contributions: contributions.to_vec(),
            checkpoint: self.checkpoint(),
            entries: custodian::lines(&self.log),
            signature: Bytes([0; 64]),
        };
        let host = self.gate.log_seed(&self.organisation, 1).expect("the first epoch");
        release.signature = SigningKey::new(host).sign(&release.digest());
        let key = HpkeSecret::from_key(crate::bodies::key());
        let finished = recipient::finish(&release, &key, &self.state.first_entry, None)
            .expect("the story opens its record");
        assert_eq!(finished.contents.password().expect("a password").password.expose(), b"correct horse");
        release
    }

    fn say(&mut self, request: &SignedRequest) -> Notices {
        let ceremony = request.request.hash();
        let bad = [self.custodians.first().expect("three custodians").pseudonym().clone()];
        let said = recipient::notices(&self.operator, (&ceremony, 0), &bad, Some(Shown::Screen));
        for Signed { pseudonym: custodian, signature } in said.rejected.clone() {
            self.by_operator(Event::ShareRejected { ceremony, target: 0, custodian, signature });
        }
        if let Some(Showing { shown, signature }) = said.revealed.clone() {
            self.by_operator(Event::Revealed { ceremony, target: 0, shown, signature });
        }
        self.reconcile();
        self.check_recoverability();
        said
    }

    /// What was opened is replaced within its ceremony, under a policy of its group.
    fn rotate(&mut self, group: &GroupStatement, account: AccountId, request: &SignedRequest) {
        let mut set = RotationPolicy {
            serial: 1,
            scope: Scope::Organisation,
            factor: None,
            every_days: Some(90),
            exposed_hours: Some(24),
            length: Some(40),
            alphabet: Some(Alphabet::Full),
            agreed: Vec::new(),
        };
        let signatures = self.signed_by_all(&set.digest(&self.organisation));
        set.agreed.push(Agreed { group: group.group, epoch: group.epoch, signatures });
        self.by_host(Event::RotationPolicySet(set));
        let (ceremony, factor, version) = (request.request.hash(), Factor::Password, 2);
        let old = request.request.targets.first().expect("one target").credential;
        let new = pvss::credential_id(&self.vault, &self.organisation, &account, factor, version);
        let origin = Bytes([5; 64]);
        self.by_host(Event::SealBegun { credential: new, origin, account, factor, version });
        let key = self.operator.signing_key();
        let signature = key.sign(&RotationBegun::digest(&ceremony, 0, &old, &new));
        self.by_operator(Event::RotationBegun(RotationBegun { ceremony, target: 0, old, new, signature }));
        let before = self.state.sealing(&old).expect("it was sealed");
        self.by_host(Event::Sealed(Sealing {
            credential: new,
            version,
            payload: Bytes([6; 64]),
            dealing: origin,
            origin,
            shown: Shown::Command,
            ..before
        }));
        let (accepts, handed) = (Accepts::New, Shown::Command);
        let key = self.operator.signing_key();
        let signature = key.sign(&RotationSettled::digest(&ceremony, &new, accepts, handed));
        let settled = RotationSettled { ceremony, credential: new, accepts, handed, signature };
        self.by_operator(Event::RotationSettled(settled));
        let (why, signatures) = (Because::Rotated, Vec::new());
        self.by_host(Event::Destroyed(Destruction { credential: old, why, signatures }));
    }

    /// Somebody used the account outside, and that was found.
    fn reconcile(&mut self) {
        let account = *self.state.accounts.keys().next().expect("an account");
        let (from, to) = (self.now, self.now);
        let findings = vec![
            RootFinding { account, at: Some(from), what: RootUse::SignIn },
            RootFinding { account, at: None, what: RootUse::MfaInactive },
        ];
        self.by_host(Event::Reconciled(Reconciliation {
            source: RootRecords::Cloudtrail,
            facts: record_hash(b"what was found"),
            period: Some(Period { from, to }),
            grace: 3600,
            explained: 1,
            unexplained: 1,
            pending: 0,
            failed: 0,
            before: 0,
            weak: 1,
            unused: 0,
            unread: 0,
            findings,
        }));
    }

    /// It is said that a group cannot open anything any more, and one of its members is
    /// there.
    fn abandon(&mut self, card: &Card) {
        let board = self.state.group_by_slug(&slug("board")).expect("the first group");
        let (group, epoch) = (board.group, board.epoch);
        let reason = self.reason.hash();
        self.by_host(Event::AbandonmentBegun(AbandonmentNotice { group, epoch, reason }));
        let notice = self.state.abandonments.get(&group).expect("a notice").notice;
        let custodian = card.pseudonym().clone();
        let digest = AbandonmentVeto::digest(&self.organisation, &group, &notice, &custodian);
        let signature = card.signing_key().sign(&digest);
        let veto = AbandonmentVeto { group, notice, custodian: custodian.clone(), signature };
        self.append(Actor::Card(custodian), Event::AbandonmentVetoed(veto));
    }

    /// The host died, and three entries that somebody had seen are nowhere.
    fn lose_entries(&mut self, keepers: &GroupStatement, cards: &[Card]) {
        let restored = LogHead { size: self.tree.size(), root: self.tree.root() };
        let seen = LogHead { size: restored.size + 3, root: Bytes([8; 32]) };
        let origin = self.origin.to_string();
        let seed = self.gate.log_seed(&self.organisation, 1).expect("the first epoch");
        let signer = LogSigner::new(&origin, seed).expect("an origin is a key name");
        let stated = Checkpoint { origin, size: seen.size, root: seen.root };
        let note = checkpoint::sign(&stated, &signer).expect("its own origin");
        let signature = note.signatures().first().expect("the log's").bytes();
        let seen_signature = Bytes::from_slice(signature).expect("64 bytes");
        let gap = Gap { log: self.organisation, restored, seen, seen_signature, gate_epoch: 2 };
        let digest = gap.digest(&self.vault, &Bytes(keepers.digest(&self.vault.into())));
        let sign = |card: &Card| Signed {
            pseudonym: card.pseudonym().clone(),
            signature: card.signing_key().sign(&digest),
        };
        let (keepers, signatures) = (keepers.clone(), cards.iter().map(sign).collect());
        self.by_host(Event::RestoredWithGap(RestoredWithGap { gap, keepers, signatures }));
    }

    /// The second group becomes the roster group, and the operator's identity is sealed
    /// for it.
    fn identity(&mut self) {
        let group = self.state.group_by_slug(&slug("second")).expect("it was renewed").clone();
        let (g, factor, serial) = (self.state.g(&group), Factor::Identity, self.state.binding_serial + 1);
        let (scope, group_id, epoch) = (Scope::Organisation, group.group, group.epoch);
        let (signatures, given_up) = (Vec::new(), Vec::new());
        let mut binding = Binding { serial, scope, factor, group: group_id, epoch, signatures, given_up };
        binding.signatures = self.signed_by_all(&binding.digest(&self.organisation, &g));
        self.by_host(Event::Bound(binding));
        let pseudonym = self.operator.pseudonym().clone();
        let account = self.state.subject(&pseudonym);
        let credential = pvss::credential_id(&self.vault, &self.organisation, &account, factor, 1);
        let keys = self.state.group_keys(&group).expect("checked keys");
        let context = DealingContext::new(credential, &keys);
        let (dealing, shared) = pvss::deal(&context, &keys, &mut self.rng).expect("a dealing");
        let dealing = *dealing.id();
        self.by_host(Event::SealBegun { credential, origin: dealing, account, factor, version: 1 });
        let ingredient = self.ingredient(&credential, &dealing);
        let lines = SecretBytes::new(b"Ada Lovelace\nada@example.com".to_vec());
        let contents = Contents::Identity(Identity::from_lines(&lines).expect("a name and a contact"));
        let sealed =
            record::seal(&credential, &shared, &ingredient, &contents, &mut self.rng).expect("it fits");
        let mut sealing = IdentitySealing {
            credential,
            pseudonym,
            version: 1,
            group: group_id,
            epoch,
            gate_epoch: 1,
            payload: sealed.payload_hash(),
            dealing,
            signature: Bytes([0; 64]),
        };
        sealing.signature = self.operator.signing_key().sign(&sealing.digest(&self.organisation, &g));
        self.by_operator(Event::IdentitySealed(sealing));
    }

    /// The gate gets a fresh root.
    fn next_epoch(&mut self) {
        self.gate.add(2, SecretKey::from_slice(&[10; 32]).expect("32 bytes"));
        let next = self.gate.succession(&self.organisation, 2).expect("two epochs");
        self.by_host(Event::GateEpochBegun(next));
        let pseudonym = self.operator.pseudonym().clone();
        self.by_host(Event::AuthenticatorResealed { pseudonym, totp: record_hash(b"encrypted anew") });
    }

    /// One version could not be opened, says the host.
    fn check_recoverability(&mut self) {
        let held = self.state.versions.values().next_back().expect("a version").sealing.clone();
        let live = self.state.live(&held.group, self.now + Span::seconds(1)) as u64;
        let gate_epoch = self.state.gate().epoch;
        self.by_host(Event::RecoverabilityChecked(RecoverabilityCheck {
            gate_epoch,
            gate_proved: self.state.drills.gate.get(&gate_epoch).copied(),
            groups: vec![CheckedGroup {
                group: held.group,
                epoch: held.epoch,
                good: 0,
                failed: 1,
                within_days: 60,
                live,
            }],
            failed: vec![Unopenable { account: held.account, factor: held.factor, version: held.version }],
        }));
    }

    /// Two other custodians hold the account's authenticator, and the gate gives codes
    /// of it. Gives a card of the first ones, and the dealing.
    fn codes(&mut self, account: AccountId) -> (Card, VerifiedDealing) {
        let first_entry = self.operator.first_entry();
        let names = ["frosty-gate-pine", "silver-moth-desk"];
        let cards = names.map(|name| {
            let name = name.parse().expect("a pseudonym");
            let role = Role::Custodian;
            Card::create(self.vault, self.organisation, name, role, first_entry, &mut self.rng)
        });
        for card in &cards {
            let enrolment = self.enrolment(card);
            self.by_host(Event::CardEnrolled(enrolment));
        }
        let mut before = std::mem::replace(&mut self.custodians, cards.into());
        let group = self.group("second");
        let g = self.state.g(&group);
        let mut admission = Admission {
            group: group.group,
            epoch: 1,
            operator: self.operator.pseudonym().clone(),
            operator_key: self.operator.signing_key().public(),
            expires: self.now + Span::days(30),
            revocations: 0,
            signatures: Vec::new(),
        };
        admission.signatures = self.signed_by_all(&admission.digest(&g));
        self.by_host(Event::OperatorAdmitted(admission));
        let (scope, factor) = (Scope::Account(account), Factor::Mfa);
        let (signatures, given_up) = (Vec::new(), Vec::new());
        let mut binding =
            Binding { serial: 3, scope, factor, group: group.group, epoch: 1, signatures, given_up };
        binding.signatures = self.signed_by_all(&binding.digest(&self.organisation, &g));
        self.by_host(Event::Bound(binding));
        let seed = SecretBytes::new(b"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_vec());
        let contents = Contents::Mfa(MfaSeed::read(&seed).expect("a seed"));
        let (dealing, sealed) = self.seal(&group, account, &contents);
        let request = self.open(&group, account, (&dealing, &sealed), (Purpose::Code, factor));
        let package = self.package(&request, &dealing);
        self.contribute(&package);
        let ceremony = request.request.hash();
        self.by_host(judge::quorum(&self.state, &ceremony, 0).expect("two of two").event());
        let (until, shown) = (self.now + Span::seconds(45), Shown::Screen);
        self.by_host(Event::CodeGiven { ceremony, target: 0, codes: 2, until, shown });
        self.by_host(Event::Ended { ceremony, how: Ending::Closed });
        self.lose(&before);
        (before.swap_remove(0), dealing)
    }

    /// The second group's next epoch, to which it hands over what it holds: in a first
    /// ceremony a contributor is set aside, in the next all goes well.
    fn refresh(&mut self, held: &VerifiedDealing) -> (Reshared, ByFiles) {
        let before = self.state.group_by_slug(&slug("second")).expect("it was formed").clone();
        let mut draft = vault::group::Draft::next(&self.state, &before);
        for card in &self.custodians {
            draft.join(&self.state, card, &mut self.rng).expect("a member");
        }
        for card in &mut self.custodians {
            draft.sign(&self.state, card).expect("the second statement");
        }
        let agree = |card| draft.agree(&self.state, &before, card).expect("a member");
        let agreed = self.custodians.iter().map(agree).collect();
        let next = draft.finish();
        self.by_host(Event::GroupRenewed(Renewal { statement: next.clone(), agreed }));
        let (ceremony, ..) = self.take_part(&before, &next, 1);
        let custodian = self.custodians.first().expect("two custodians").pseudonym().clone();
        let credential = *held.context().cred();
        self.by_host(Event::RedealingRejected(RedealingRejected { ceremony, custodian, credential }));
        self.by_host(Event::Ended { ceremony, how: Ending::Aborted });

        let (ceremony, package, reviews) = self.take_part(&before, &next, 2);
        let first = reviews.first().expect("two contributors");
        let chunk = first.chunk(&[held.to_bytes()], &mut self.rng).expect("the dealing that the log names");
        let both = reviews.iter().zip(&self.custodians);
        let offers: Vec<_> = both
            .map(|(review, card)| review.redeal(card, &chunk, &mut self.rng).expect("a member's key"))
            .collect();
        let checked = first.check(&chunk, &offers, &mut self.rng).expect("honest contributors");
        let both = reviews.iter().zip(&self.custodians);
        let sign = |(review, card): (&reshare::ReshareReview, &Card)| {
            let kept = review.to_keep(&checked, None).expect("nothing was signed before");
            review.sign(card, &checked, &kept).expect("it is kept")
        };
        let contributors = both.map(sign).collect();
        let files = self.by_files((&package, held), &offers, (first, &checked));
        let versions = checked.versions().to_vec();
        self.by_host(Event::Reshared(ReshareDone { ceremony, versions, contributors }));
        self.by_host(Event::DealingsDestroyed(DealingsDestroyed { dealings: vec![*held.id()] }));
        self.by_host(Event::Ended { ceremony, how: Ending::Closed });
        ((package, offers.into_iter().next().expect("two contributors")), files)
    }

    /// What the first contributor would get and give by files.
    fn by_files(
        &mut self,
        (package, held): (&ResharePackage, &VerifiedDealing),
        offers: &[Redealt],
        (review, checked): (&reshare::ReshareReview, &reshare::CheckedChunk),
    ) -> ByFiles {
        let card = self.custodians.first().expect("two custodians");
        let code = self.totp.code_at(step_of(self.now.unix_seconds()));
        let contribution = review.agree(card, &code, self.now, &mut self.rng).expect("good keys");
        let answer = ReshareAnswer { contribution, parts: offers.iter().take(1).cloned().collect() };
        let parts = std::slice::from_ref(checked);
        let kept = review.to_keep_all(parts, None).expect("nothing was signed before");
        let signatures = review.sign_all(card, parts, &kept).expect("it is kept");
        let file = ReshareFile {
            package: package.clone(),
            dealings: vec![HexBytes(held.to_bytes())],
            parts: vec![offers.to_vec()],
        };
        (file, answer, signatures)
    }

    /// A ceremony in which the first custodians take part.
    fn take_part(
        &mut self,
        from: &GroupStatement,
        to: &GroupStatement,
        count: usize,
    ) -> (Bytes<64>, ResharePackage, Vec<reshare::ReshareReview>) {
        // The codes of the ceremony before are used up.
        self.now = self.now + Span::minutes(2);
        let list = self.state.reshare_list(from.into());
        let request = ReshareRequest {
            vault: self.vault,
            organisation: self.organisation,
            nonce: Bytes([u8::try_from(count).expect("a few"); 32]),
            mode: Mode::Room,
            operator: self.operator.pseudonym().clone(),
            operator_key: self.operator.signing_key().public(),
            from: from.into(),
            to: to.into(),
            statement: Bytes(to.digest(&self.organisation)),
            list: reshare_list_hash(&list),
            count: list.len() as u64,
            reason: self.reason.hash(),
            ticket: Some(self.ticket.hash()),
            size: self.tree.size(),
            root: self.tree.root(),
            asked: self.now,
            expires: self.now + Span::hours(1),
        };
        let ceremony = request.hash();
        let signature = self.operator.signing_key().sign(&request_digest(&ceremony));
        self.by_operator(Event::ReshareOpened(request.opening(self.gate_secret.public(), signature)));
        let package = ResharePackage {
            signed: SignedReshare { request, signature },
            texts: vec![self.reason.clone(), self.ticket.clone()],
            checkpoint: self.checkpoint(),
            entries: custodian::lines(&self.log),
        };
        let (at, mut reviews) = (self.now, Vec::new());
        for who in 0..count {
            let card = self.custodians.get(who).expect("two custodians");
            let code = self.totp.code_at(step_of(at.unix_seconds()));
            let review = reshare::review(&package, card, None, at).expect("a current package");
            let answer = review.agree(card, &code, at, &mut self.rng).expect("good keys");
            let attempt = judge::attempt(&self.state, &answer).expect("a custodian's message");
            let event = attempt.judge(&self.state, &self.totp, Some(&code), at);
            assert!(matches!(event, Event::Accepted(_)), "{event:?}");
            let actor = Actor::Card(card.pseudonym().clone());
            self.append(actor, event);
            reviews.push(review);
        }
        (ceremony, package, reviews)
    }

    /// One of the first three has a new phone; then their card is missing, found, and
    /// stolen.
    fn lose(&mut self, cards: &[Card]) {
        let card = |place: usize| cards.get(place).expect("three custodians");
        let (first, lost, third) = (card(0), card(1), card(2));
        let board = self.state.group_by_slug(&slug("board")).expect("the first group").clone();
        let custodian = lost.pseudonym().clone();
        let organisation = self.organisation;
        let agreed = |digest: &[u8; 64]| {
            let sign = |card: &Card| Signed {
                pseudonym: card.pseudonym().clone(),
                signature: card.signing_key().sign(digest),
            };
            vec![Agreed {
                group: board.group,
                epoch: board.epoch,
                signatures: [first, third].map(sign).into(),
            }]
        };
        let mut replaced = AuthenticatorReplacement {
            custodian: custodian.clone(),
            serial: 1,
            totp: record_hash(b"encrypted anew"),
            signature: Bytes([0; 64]),
            agreed: Vec::new(),
        };
        let digest = replaced.digest(&organisation);
        replaced.signature = lost.signing_key().sign(&digest);
        replaced.agreed = agreed(&digest);
        self.append(Actor::Card(custodian.clone()), Event::AuthenticatorReplaced(replaced));
        let mut suspended = CardSuspension {
            custodian: custodian.clone(),
            serial: 2,
            reason: self.reason.hash(),
            by: first.pseudonym().clone(),
            signature: Bytes([0; 64]),
        };
        suspended.signature = first.signing_key().sign(&suspended.digest(&organisation));
        self.append(Actor::Card(suspended.by.clone()), Event::CardSuspended(suspended));
        let mut resumed = CardResumption { custodian: custodian.clone(), serial: 3, agreed: Vec::new() };
        resumed.agreed = agreed(&resumed.digest(&organisation));
        self.by_host(Event::CardResumed(resumed));
        let reason = self.reason.hash();
        let mut revoked =
            CardRevocation { custodian, serial: 4, reason, signature: None, agreed: Vec::new() };
        revoked.agreed = agreed(&revoked.digest(&organisation));
        self.by_host(Event::CardRevoked(revoked));
    }
}
