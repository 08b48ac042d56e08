//! What is sealed, one kind for each factor, and its encoding. Encryption is
//! [`super::record`]'s.

use super::fields::{Reader, Writer};
use super::mfa::{Algorithm, MfaSeed};
use super::record::{BUCKETS, Payload, RecordError};
use crate::name::Factor;
use crate::secret::SecretBytes;

/// Largest file that can be sealed, in bytes.
pub const MAX_FILE: usize = 48 * 1024;
/// Longest name of a sealed file, in bytes.
pub const MAX_FILE_NAME: usize = 255;
/// Longest name of a person, in bytes.
pub const MAX_NAME: usize = 200;
/// Longest text on how a person is reached, in bytes. With the longest name it still
/// fits the smallest bucket, so that every sealed identity has one length.
pub const MAX_CONTACT: usize = 300;
/// Most recovery codes of one version.
pub const MAX_CODES: usize = 100;

/// First byte of what is sealed.
mod kind {
    pub const PASSWORD: u8 = 1;
    pub const MFA: u8 = 2;
    pub const RECOVERY_CODES: u8 = 3;
    pub const FILE: u8 = 4;
    pub const DEVICE: u8 = 5;
    pub const IDENTITY: u8 = 6;
}

/// What was sealed.
#[derive(Debug)]
pub enum Contents {
    /// Of the password factor.
    Password(Payload),
    /// An authenticator's seed.
    Mfa(MfaSeed),
    /// Codes that are good once each.
    RecoveryCodes(RecoveryCodes),
    /// A file.
    File(SealedFile),
    /// A hardware authenticator.
    Device(Device),
    /// Who the owner of a card is.
    Identity(Identity),
}

/// Recovery codes, in the order in which the provider gave them: 1 to
/// [`MAX_CODES`], none of them empty.
#[derive(Debug)]
pub struct RecoveryCodes {
    codes: Vec<SecretBytes>,
}

/// A file with its name.
#[derive(Debug)]
pub struct SealedFile {
    name: SecretBytes,
    bytes: SecretBytes,
}

/// A hardware authenticator: no secret of it can be sealed, but what identifies
/// it, and where it is.
#[derive(Debug)]
pub struct Device {
    serial: SecretBytes,
    whereabouts: SecretBytes,
}

/// Who the owner of a card is, for the roster group alone.
#[derive(Debug)]
pub struct Identity {
    name: SecretBytes,
    contact: SecretBytes,
}

/// Why something is not sealed as what it was given as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentsError {
    /// No codes, or too many.
    #[error("there are {found} recovery codes; 1 to {MAX_CODES} are sealed")]
    Codes {
        /// How many there are.
        found: usize,
    },
    /// An empty file.
    #[error("the file is empty")]
    EmptyFile,
    /// Too large a file.
    #[error("the file has more than {MAX_FILE} bytes")]
    LargeFile,
    /// A name that cannot be kept.
    #[error("the file's name has more than {MAX_FILE_NAME} bytes")]
    FileName,
    /// No name, or no contact.
    #[error("an identity has a name and a contact")]
    NoIdentity,
    /// A name or a contact that would not fit.
    #[error("the {what} has {length} bytes; {most} are sealed, so that all identities have one size")]
    LongIdentity {
        /// `name` or `contact`.
        what: &'static str,
        /// Bytes that it has.
        length: usize,
        /// Bytes that fit.
        most: usize,
    },
    /// Nothing is said about a device.
    #[error("a device has a serial number and a place where it is kept")]
    Device,
}

impl RecoveryCodes {
    /// One code a line; blank lines and white space around a code are dropped.
    pub fn from_lines(text: &SecretBytes) -> Result<Self, ContentsError> {
        let lines = text.expose().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        Self::new(lines.filter(|line| !line.is_empty()).map(copy).collect())
    }

    /// These codes.
    pub fn new(codes: Vec<SecretBytes>) -> Result<Self, ContentsError> {
        let found = codes.len();
        let fits = (1..=MAX_CODES).contains(&found) && codes.iter().all(|code| !code.is_empty());
        if fits { Ok(Self { codes }) } else { Err(ContentsError::Codes { found }) }
    }

    /// The codes.
    pub fn codes(&self) -> &[SecretBytes] {
        &self.codes
    }
}

impl SealedFile {
    /// A file of 1 byte to [`MAX_FILE`].
    pub fn new(name: &str, bytes: SecretBytes) -> Result<Self, ContentsError> {
        if bytes.is_empty() {
            return Err(ContentsError::EmptyFile);
        }
        if bytes.len() > MAX_FILE {
            return Err(ContentsError::LargeFile);
        }
        if name.len() > MAX_FILE_NAME {
            return Err(ContentsError::FileName);
        }
        Ok(Self { name: copy(name.as_bytes()), bytes })
    }

    /// The name that it had when it was sealed; may be empty.
    pub fn name(&self) -> &SecretBytes {
        &self.name
    }

    /// What is in it.
    pub fn bytes(&self) -> &SecretBytes {
        &self.bytes
    }
}

impl Device {
    /// A device; neither text is empty.
    pub fn new(serial: SecretBytes, whereabouts: SecretBytes) -> Result<Self, ContentsError> {
        if serial.is_empty() || whereabouts.is_empty() {
            return Err(ContentsError::Device);
        }
        Ok(Self { serial, whereabouts })
    }

    /// The first line is the serial number, the rest says where it is kept.
    pub fn from_lines(text: &SecretBytes) -> Result<Self, ContentsError> {
        let mut parts = text.expose().splitn(2, |byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let (serial, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        Self::new(copy(serial), copy(rest))
    }

    /// Serial number.
    pub fn serial(&self) -> &SecretBytes {
        &self.serial
    }

    /// Where it is kept.
    pub fn whereabouts(&self) -> &SecretBytes {
        &self.whereabouts
    }
}

impl Identity {
    /// A person; white space around either text is dropped, and then neither is empty,
    /// nor longer than fits the one size that all sealed identities have.
    pub fn new(name: &SecretBytes, contact: &SecretBytes) -> Result<Self, ContentsError> {
        let [name, contact] = [name, contact].map(|text| copy(text.expose().trim_ascii()));
        if name.is_empty() || contact.is_empty() {
            return Err(ContentsError::NoIdentity);
        }
        for (what, length, most) in [("name", name.len(), MAX_NAME), ("contact", contact.len(), MAX_CONTACT)]
        {
            if length > most {
                return Err(ContentsError::LongIdentity { what, length, most });
            }
        }
        Ok(Self { name, contact })
    }

    /// The first line is the name, the rest says how the person is reached.
    pub fn from_lines(text: &SecretBytes) -> Result<Self, ContentsError> {
        let mut parts = text.expose().splitn(2, |byte| *byte == b'\n').map(copy);
        let mut next = || parts.next().unwrap_or_else(|| SecretBytes::zeroed(0));
        Self::new(&next(), &next())
    }

    /// Name.
    pub fn name(&self) -> &SecretBytes {
        &self.name
    }

    /// How the person is reached.
    pub fn contact(&self) -> &SecretBytes {
        &self.contact
    }
}

/// Something that can be sealed.
pub trait Sealable {
    /// As which factor.
    fn factor(&self) -> Factor;
    /// kind ‖ what that kind has, then zeros up to the bucket.
    fn encode(&self) -> Result<SecretBytes, RecordError>;
}

impl Sealable for Payload {
    fn factor(&self) -> Factor {
        Factor::Password
    }

    fn encode(&self) -> Result<SecretBytes, RecordError> {
        padded(kind::PASSWORD, &[], &[&self.login, &self.password, &self.notes])
    }
}

impl Sealable for Contents {
    fn factor(&self) -> Factor {
        match self {
            Self::Password(_) => Factor::Password,
            Self::Mfa(_) => Factor::Mfa,
            Self::RecoveryCodes(_) => Factor::RecoveryCodes,
            Self::File(_) => Factor::File,
            Self::Device(_) => Factor::Device,
            Self::Identity(_) => Factor::Identity,
        }
    }

    fn encode(&self) -> Result<SecretBytes, RecordError> {
        match self {
            Self::Password(payload) => payload.encode(),
            Self::Mfa(mfa) => {
                let head = [mfa.algorithm.to_byte(), mfa.digits, mfa.period];
                padded(kind::MFA, &head, &[&mfa.seed, &mfa.label])
            }
            Self::RecoveryCodes(RecoveryCodes { codes }) => {
                let count = u8::try_from(codes.len()).expect("no more than the most there can be");
                padded(kind::RECOVERY_CODES, &[count], &codes.iter().collect::<Vec<_>>())
            }
            Self::File(SealedFile { name, bytes }) => padded(kind::FILE, &[], &[name, bytes]),
            Self::Device(Device { serial, whereabouts }) => padded(kind::DEVICE, &[], &[serial, whereabouts]),
            Self::Identity(Identity { name, contact }) => padded(kind::IDENTITY, &[], &[name, contact]),
        }
    }
}

impl Contents {
    /// The inverse of [`Sealable::encode`], and of nothing else.
    pub(super) fn decode(encoded: &SecretBytes) -> Result<Self, RecordError> {
        let contents = Self::read(&mut Reader(encoded.expose())).ok_or(RecordError::Contents)?;
        // Padding and bucket: one comparison for both.
        if contents.encode()?.same_as(encoded) { Ok(contents) } else { Err(RecordError::Contents) }
    }

    fn read(from: &mut Reader) -> Option<Self> {
        match from.u8()? {
            kind::PASSWORD => {
                let [login, password, notes] = [field(from)?, field(from)?, field(from)?];
                Some(Self::Password(Payload { login, password, notes }))
            }
            kind::MFA => {
                let [algorithm, digits, period] = from.array()?;
                let algorithm = Algorithm::from_byte(algorithm)?;
                let (seed, label) = (field(from)?, field(from)?);
                MfaSeed::new(seed, algorithm, (digits, period), label).map(Self::Mfa)
            }
            kind::RECOVERY_CODES => {
                let count = from.u8()?;
                let codes = (0..count).map(|_| field(from)).collect::<Option<_>>()?;
                RecoveryCodes::new(codes).ok().map(Self::RecoveryCodes)
            }
            kind::FILE => {
                let (name, bytes) = (field(from)?, field(from)?);
                SealedFile::new(name.expose_str()?, bytes).ok().map(Self::File)
            }
            kind::DEVICE => Device::new(field(from)?, field(from)?).ok().map(Self::Device),
            kind::IDENTITY => Identity::new(&field(from)?, &field(from)?).ok().map(Self::Identity),
            _ => None,
        }
    }

    /// Login, password and notes, if that is what was sealed.
    pub fn password(&self) -> Option<&Payload> {
        match self {
            Self::Password(payload) => Some(payload),
            _ => None,
        }
    }
}

/// kind ‖ head ‖ for each field: u32 length ‖ bytes, then zeros up to the bucket.
fn padded(kind: u8, head: &[u8], fields: &[&SecretBytes]) -> Result<SecretBytes, RecordError> {
    let length = 1 + head.len() + fields.iter().map(|field| 4 + field.len()).sum::<usize>();
    let most = BUCKETS.into_iter().max().unwrap_or(0);
    let bucket = BUCKETS.into_iter().find(|bucket| *bucket >= length);
    let mut encoded = SecretBytes::zeroed(bucket.ok_or(RecordError::TooLong { length, most })?);
    let mut to = Writer(encoded.expose_mut());
    to.put(&[kind]);
    to.put(head);
    for field in fields {
        to.put(&u32::try_from(field.len()).expect("below the largest bucket").to_be_bytes());
        to.put(field.expose());
    }
    Ok(encoded)
}

/// Copies a field into memory of its exact size.
fn field(from: &mut Reader) -> Option<SecretBytes> {
    let length = usize::try_from(from.u32()?).ok()?;
    from.take(length).map(copy)
}

fn copy(bytes: &[u8]) -> SecretBytes {
    let mut copied = SecretBytes::zeroed(bytes.len());
    copied.expose_mut().copy_from_slice(bytes);
    copied
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretBytes {
        copy(text.as_bytes())
    }

    fn one_of_each() -> Vec<Contents> {
        let payload =
            Payload { login: secret("root@example.com"), password: secret("p4ss"), notes: secret("") };
        vec![
            Contents::Password(payload),
            Contents::Mfa(MfaSeed::read(&secret("otpauth://totp/AWS:x?secret=GEZDGNBVGY3TQOJQ")).unwrap()),
            Contents::RecoveryCodes(
                RecoveryCodes::from_lines(&secret("abcd-1234\n\n  efgh-5678 \r\n")).unwrap(),
            ),
            Contents::File(SealedFile::new("root.pem", secret("-----BEGIN")).unwrap()),
            Contents::Device(Device::from_lines(&secret("YK-5 1234567\nsafe 3,\nroom 0.12")).unwrap()),
            Contents::Identity(Identity::from_lines(&secret("Ada Lovelace\nada@example.com")).unwrap()),
        ]
    }

    #[test]
    fn the_bytes_are_the_documented_ones() {
        let documented: [&[u8]; 6] = [
            b"\x01\0\0\0\x10root@example.com\0\0\0\x04p4ss\0\0\0\0",
            b"\x02\x01\x06\x1e\0\0\0\x0a1234567890\0\0\0\x05AWS:x",
            b"\x03\x02\0\0\0\x09abcd-1234\0\0\0\x09efgh-5678",
            b"\x04\0\0\0\x08root.pem\0\0\0\x0a-----BEGIN",
            b"\x05\0\0\0\x0cYK-5 1234567\0\0\0\x11safe 3,\nroom 0.12",
            b"\x06\0\0\0\x0cAda Lovelace\0\0\0\x0fada@example.com",
        ];
        for (contents, bytes) in one_of_each().iter().zip(documented) {
            let encoded = contents.encode().unwrap();
            let (head, padding) = encoded.expose().split_at(bytes.len());
            assert_eq!(head, bytes, "{:?}", contents.factor());
            assert!(encoded.len() == 512 && padding.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn each_kind_reads_back_as_its_factor() {
        for (contents, factor) in one_of_each().iter().zip(Factor::ALL.into_iter().chain([Factor::Identity]))
        {
            let encoded = contents.encode().unwrap();
            let read = Contents::decode(&encoded).unwrap();
            assert_eq!((read.factor(), contents.factor()), (factor, factor));
            assert!(read.encode().unwrap().same_as(&encoded));
        }
    }

    #[test]
    fn an_altered_byte_of_head_or_padding_is_refused_or_reads_as_itself() {
        for contents in one_of_each() {
            let good = contents.encode().unwrap();
            for at in (0..good.len()).filter(|at| *at < 60 || *at > 500) {
                for value in [0, 1, 2, 3, 0x7f, 0xff] {
                    let mut bytes = copy(good.expose());
                    bytes.expose_mut()[at] = value;
                    if let Ok(read) = Contents::decode(&bytes) {
                        assert!(read.encode().unwrap().same_as(&bytes), "{at} {value}");
                    }
                }
            }
            let mut dirty = copy(good.expose());
            dirty.expose_mut()[511] = 1;
            assert_eq!(Contents::decode(&dirty).map(|_| ()), Err(RecordError::Contents));
        }
    }

    #[test]
    fn kinds_that_are_not_known_and_heads_that_are_out_of_bounds_are_refused() {
        let mut encoded = one_of_each()[1].encode().unwrap();
        for (at, value) in [(0, 0), (0, 7), (1, 0), (1, 4), (2, 5), (2, 9), (3, 0), (3, 61)] {
            let before = encoded.expose()[at];
            encoded.expose_mut()[at] = value;
            assert_eq!(Contents::decode(&encoded).map(|_| ()), Err(RecordError::Contents), "{at} {value}");
            encoded.expose_mut()[at] = before;
        }
    }

    #[test]
    fn the_largest_file_fits_and_one_byte_more_is_refused() {
        let file = |length| SealedFile::new(&"n".repeat(255), SecretBytes::new(vec![7; length]));
        let largest = Contents::File(file(MAX_FILE).unwrap());
        let read = Contents::decode(&largest.encode().unwrap()).unwrap();
        assert!(matches!(read, Contents::File(file) if file.bytes().len() == MAX_FILE));
        assert_eq!(file(MAX_FILE + 1).map(|_| ()), Err(ContentsError::LargeFile));
        assert_eq!(file(0).map(|_| ()), Err(ContentsError::EmptyFile));
        assert_eq!(SealedFile::new(&"n".repeat(256), secret("x")).map(|_| ()), Err(ContentsError::FileName));
    }

    #[test]
    fn identities_have_one_size_and_what_would_need_another_is_refused() {
        let identity = |name: usize, contact: usize| {
            Identity::new(&SecretBytes::new(vec![b'n'; name]), &SecretBytes::new(vec![b'c'; contact]))
        };
        for (name, contact) in [(1, 1), (12, 40), (MAX_NAME, 1), (1, MAX_CONTACT), (MAX_NAME, MAX_CONTACT)] {
            let encoded = Contents::Identity(identity(name, contact).unwrap()).encode().unwrap();
            assert_eq!(encoded.len(), BUCKETS[0], "{name} {contact}");
            assert!(matches!(Contents::decode(&encoded), Ok(Contents::Identity(_))));
        }
        let refused = |name, contact| identity(name, contact).map(|_| ()).unwrap_err();
        let long = |what, length, most| ContentsError::LongIdentity { what, length, most };
        assert_eq!(refused(MAX_NAME + 1, 1), long("name", MAX_NAME + 1, MAX_NAME));
        assert_eq!(refused(1, MAX_CONTACT + 1), long("contact", MAX_CONTACT + 1, MAX_CONTACT));
        assert_eq!([refused(0, 1), refused(1, 0)], [ContentsError::NoIdentity, ContentsError::NoIdentity]);
        let blank = Identity::new(&secret(" \n"), &secret("x")).map(|_| ());
        assert_eq!(blank, Err(ContentsError::NoIdentity));
        // Nor does one read that has blanks around its name, or that somebody padded to another bucket.
        let one = Contents::Identity(identity(3, 3).unwrap()).encode().unwrap();
        let padded = SecretBytes::new([one.expose(), &[0; 1536]].concat());
        assert_eq!(Contents::decode(&padded).map(|_| ()), Err(RecordError::Contents));
        let mut blank = copy(one.expose());
        blank.expose_mut()[5] = b' ';
        assert_eq!(Contents::decode(&blank).map(|_| ()), Err(RecordError::Contents));
    }

    #[test]
    fn codes_and_devices_that_say_nothing_are_refused() {
        assert_eq!(
            RecoveryCodes::from_lines(&secret(" \n\n")).map(|_| ()),
            Err(ContentsError::Codes { found: 0 })
        );
        let many = secret(&"x\n".repeat(101));
        assert_eq!(RecoveryCodes::from_lines(&many).map(|_| ()), Err(ContentsError::Codes { found: 101 }));
        assert_eq!(Device::from_lines(&secret("serial alone")).map(|_| ()), Err(ContentsError::Device));
        assert_eq!(Device::from_lines(&secret("\nsafe")).map(|_| ()), Err(ContentsError::Device));
    }
}
