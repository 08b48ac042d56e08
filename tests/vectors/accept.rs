//! What has to come out, byte for byte.

use super::{File, rng::VectorRng};
use curve25519_dalek::Scalar;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use warifu::{
    hex::Bytes,
    name::{AccountId, Factor, GroupId, OrganisationId, Threshold, VaultId},
    pvss::{
        DealingContext, GateKey, GroupKeys, Quorum, ShareKeyPair, UntrustedShare, VerifiedDealing,
        credential_id, deal, gate_point, group_id, open_share, prove_possession,
    },
    secret::{SecretKey, SecretScalar},
    transcript::{Transcript, kdf, kdf_scalar, label},
};

pub fn all() -> Vec<File> {
    let mut files = vec![
        ("transcript".to_owned(), transcript()),
        ("identifiers".to_owned(), identifiers()),
        ("possession".to_owned(), possession()),
    ];
    files.extend(super::reshare::accept());
    for (t, n) in [(2, 2), (2, 3), (3, 3), (3, 5), (5, 9)] {
        files.push((
            format!("dealing-{t}-of-{n}"),
            Estate::new(&format!("dealing {t} of {n}"), t, n).vector(),
        ));
    }
    files
}

pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

pub fn scalar(rng: &mut VectorRng) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&rng.bytes())
}

fn transcript() -> Value {
    let key = SecretKey::from_slice(&[0x0b; 32]).unwrap();
    let hash = Transcript::new(label::DUAL).part("abc").part("").int(258).list(["a", "bc"]);
    json!({
        "what": "H with one part of each kind, as bytes, as scalar and as point; KDF to 32 bytes and to a scalar",
        "label": label::DUAL,
        "parts": [{"bytes": hex("abc")}, {"bytes": ""}, {"integer": 258}, {"list": [hex("a"), hex("bc")]}],
        "hash": hex(hash.clone().finish()),
        "hash_as_scalar": hex(hash.clone().scalar().as_bytes()),
        "hash_as_point": hex(hash.point().compress().as_bytes()),
        "kdf_key": hex(key.expose()),
        "kdf_label": label::SHARE_KEY,
        "kdf_parts": [hex("abc"), ""],
        "kdf": hex(kdf(&key, label::SHARE_KEY, &[b"abc", b""]).expose()),
        "kdf_scalar": hex(kdf_scalar(&key, label::SHARE_KEY, &[b"abc", b""]).expose().as_bytes()),
    })
}

fn identifiers() -> Value {
    let id = |byte| Bytes([byte; 32]);
    let (vault, organisation) = (VaultId(id(1)), OrganisationId(id(2)));
    let (group, account) = (GroupId(id(3)), AccountId(id(4)));
    json!({
        "what": "g and cred",
        "vault": vault,
        "organisation": organisation,
        "group": group,
        "epoch": 5,
        "g": group_id(&vault, &organisation, &group, 5),
        "account": account,
        "factor": "password",
        "version": 6,
        "cred": credential_id(&vault, &organisation, &account, Factor::Password, 6),
    })
}

fn possession() -> Value {
    let seed = "possession";
    let rng = &mut VectorRng::new(seed);
    let x = scalar(rng);
    let pair = ShareKeyPair::new(SecretScalar::new(x));
    let (g, sign_key) = (Bytes(rng.bytes()), Bytes(rng.bytes()));
    json!({
        "what": "a proof of possession; from the stream: x, g, sign_key, the nonce's fresh bytes",
        "seed": seed,
        "x": hex(x.as_bytes()),
        "share_key": pair.public(),
        "g": g,
        "sign_key": sign_key,
        "proof": prove_possession(&pair, &g, &sign_key, rng),
    })
}

/// One dealing and everything that is needed to open it.
pub struct Estate {
    pub seed: String,
    pub rng: VectorRng,
    pub pairs: Vec<ShareKeyPair>,
    pub keys: GroupKeys,
    pub cred: Bytes<64>,
    pub request: Bytes<64>,
    x: Vec<Scalar>,
}

impl Estate {
    pub fn new(seed: &str, t: usize, n: usize) -> Self {
        let mut rng = VectorRng::new(seed);
        let (g, cred, request) = (Bytes(rng.bytes()), Bytes(rng.bytes()), Bytes(rng.bytes()));
        let x: Vec<_> = (0..n).map(|_| scalar(&mut rng)).collect();
        let pairs: Vec<_> = x.iter().map(|x| ShareKeyPair::new(SecretScalar::new(*x))).collect();
        let public: Vec<_> = pairs.iter().map(|pair| *pair.public()).collect();
        let keys = GroupKeys::new(g, Threshold::new(t, n).unwrap(), &public).unwrap();
        Self { seed: seed.to_owned(), rng, pairs, keys, cred, request, x }
    }

    pub fn share(&mut self, dealing: &VerifiedDealing, index: u8) -> Vec<u8> {
        let pair = &self.pairs[usize::from(index) - 1];
        open_share(dealing, index, pair, &self.request, &mut self.rng).unwrap().expose().to_vec()
    }

    pub fn secret(&self, index: usize) -> Scalar {
        self.x[index - 1]
    }

    fn vector(mut self) -> Value {
        let threshold = self.keys.threshold();
        let context = DealingContext::new(self.cred, &self.keys);
        let mut same = self.rng.clone();
        let (s, coefficients) = (scalar(&mut same), (1..threshold.t()).map(|_| scalar(&mut same)));
        let coefficients: Vec<_> = coefficients.collect();
        let d = scalar(&mut same);

        let (dealing, secret) = deal(&context, &self.keys, &mut self.rng).unwrap();
        let shares: Vec<_> = (1..=threshold.n() as u8).map(|index| self.share(&dealing, index)).collect();
        let last = (1u8..).zip(&shares).skip(threshold.n() - threshold.t());
        let last = last.map(|(index, share)| {
            UntrustedShare::from_bytes(share).unwrap().verify(&dealing, index, &self.request).unwrap()
        });
        let combined = Quorum::gather(&dealing, last.collect()).unwrap().combine();
        assert_eq!(combined.expose(), secret.expose());

        json!({
            "what": "a dealing, all its shares and the gate's ingredient; from the stream: g, cred, request, x_1 … x_n, s, the coefficients of X … X^(t-1), d, the dealing's nonce, a nonce a share, root, organisation, a nonce for each ingredient",
            "seed": self.seed,
            "t": threshold.t(),
            "n": threshold.n(),
            "g": self.keys.g(),
            "cred": self.cred,
            "request": self.request,
            "x": self.x.iter().map(|x| hex(x.as_bytes())).collect::<Vec<_>>(),
            "keys": self.keys.keys(),
            "ctx": context.hash(),
            "s": hex(s.as_bytes()),
            "coefficients": coefficients.iter().map(|one| hex(one.as_bytes())).collect::<Vec<_>>(),
            "d": hex(d.as_bytes()),
            "dealing": hex(dealing.to_bytes()),
            "dealing_id": dealing.id(),
            "secret": hex(secret.expose().compress().as_bytes()),
            "shares": shares.iter().map(hex).collect::<Vec<_>>(),
            "gate": self.gate(dealing.id()),
        })
    }

    fn gate(mut self, origin: &Bytes<64>) -> Value {
        let (root, organisation) = (self.rng.bytes::<32>(), OrganisationId(Bytes(self.rng.bytes())));
        let epoch = 7;
        let gate = GateKey::derive(&SecretKey::from_slice(&root).unwrap(), &organisation, epoch);
        let sealing = gate.ingredient(&self.cred, origin, origin, &mut self.rng);
        let release = gate.ingredient(&self.cred, origin, &self.request, &mut self.rng);
        json!({
            "root": hex(root),
            "organisation": organisation,
            "epoch": epoch,
            "public": gate.public(),
            "point": hex(gate_point(&self.cred, origin).compress().as_bytes()),
            "ingredient_for_sealing": hex(sealing.proof.expose()),
            "ingredient_for_release": hex(release.proof.expose()),
        })
    }
}
