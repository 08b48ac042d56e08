//! One record: fields by name, borrowed from the bytes, and forgiving. A field
//! that has another type than is documented counts as absent, so that one oddity
//! does not hide a root event. Which records a root user is behind is said here.

use super::{AccountNumber, RootEvent, Texts, Unread, time};
use crate::event::RootUse;
use crate::hex::Bytes;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

/// A text; empty where there is none.
#[derive(Default)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Everything that is not what a visitor wants is its default value.
macro_rules! else_default {
    ($lifetime:lifetime) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_seq<A: SeqAccess<$lifetime>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;
            else_default!('de);

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(if value { "true" } else { "false" })))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text::default())
            }
        }
        from.deserialize_any(Any)
    }
}

/// An object of which some members are wanted; anything else is as if it had
/// none of them.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($($key:literal)|+ => $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(super) struct $name<'a> { $(pub(super) $field: $type),* }

        impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Any;
                impl<'de> Visitor<'de> for Any {
                    type Value = $name<'de>;
                    else_default!('de);

                    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                        Ok(Self::Value::default())
                    }

                    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                        Ok(Self::Value::default())
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut found = Self::Value::default();
                        while let Some(key) = map.next_key::<Text<'de>>()? {
                            match &*key {
                                $($($key)|+ => found.$field = map.next_value()?,)*
                                _ => { map.next_value::<IgnoredAny>()?; }
                            }
                        }
                        Ok(found)
                    }
                }
                from.deserialize_any(Any)
            }
        }
    };
}

object!(
    /// `userIdentity`.
    Identity {
        "type" => kind: Text<'a>,
        "accountId" => account: Text<'a>,
        "arn" => arn: Text<'a>,
        "invokedBy" => invoked_by: Text<'a>,
        "sessionContext" => session: Session<'a>,
    }
);
object!(
    /// `userIdentity.sessionContext`.
    Session {
        "assumedRoot" => assumed_root: Text<'a>,
        "attributes" => attributes: Attributes<'a>,
    }
);
object!(
    /// `userIdentity.sessionContext.attributes`.
    Attributes { "creationDate" => begun: Text<'a> }
);
object!(
    /// `requestParameters`.
    Request {
        "targetPrincipal" => target: Text<'a>,
        "accountId" => account: Text<'a>,
    }
);
object!(
    /// `responseElements` of sign-in events: the outcome, under the event's name.
    Response {
        "ConsoleLogin" | "CheckMfa" | "PasswordUpdated" | "PasswordRecoveryRequested"
            | "PasswordRecoveryCompleted" | "EmailUpdated" => outcome: Text<'a>,
    }
);
object!(
    /// `additionalEventData`.
    Additional { "MFAUsed" => mfa: Text<'a> }
);

/// A record. Once it is known that no root user is behind it the rest is only
/// passed over.
#[derive(Default)]
pub(super) struct Record<'a> {
    pub(super) time: Text<'a>,
    pub(super) identity: Identity<'a>,
    name: Text<'a>,
    /// Apart, because most records never need it.
    rest: Option<Box<Rest<'a>>>,
}

/// What is wanted of a root user's record beyond that it is one.
#[derive(Default)]
struct Rest<'a> {
    kind: Text<'a>,
    id: Text<'a>,
    shared_id: Text<'a>,
    recipient: Text<'a>,
    from: Text<'a>,
    agent: Text<'a>,
    error_code: Text<'a>,
    error_message: Text<'a>,
    request: Request<'a>,
    response: Response<'a>,
    additional: Additional<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Record<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Record<'de>;
            else_default!('de);

            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Self::Value::default())
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Self::Value::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Record::default();
                let mut wanted = [false; 3];
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key {
                        "eventTime" => (found.time, wanted[0]) = (map.next_value()?, true),
                        "userIdentity" => (found.identity, wanted[1]) = (map.next_value()?, true),
                        "eventName" => (found.name, wanted[2]) = (map.next_value()?, true),
                        // They stand before it is known whose record it is.
                        "eventVersion" | "eventSource" => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                        other => {
                            found.rest.get_or_insert_default().take(other, &mut map)?;
                            continue;
                        }
                    }
                    if wanted == [true; 3] && !found.is_of_root() {
                        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                        break;
                    }
                }
                Ok(found)
            }
        }
        from.deserialize_any(Any)
    }
}

impl<'a> Rest<'a> {
    fn take<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "eventType" => self.kind = map.next_value()?,
            "eventID" => self.id = map.next_value()?,
            "sharedEventID" => self.shared_id = map.next_value()?,
            "recipientAccountId" => self.recipient = map.next_value()?,
            "sourceIPAddress" => self.from = map.next_value()?,
            "userAgent" => self.agent = map.next_value()?,
            "errorCode" => self.error_code = map.next_value()?,
            "errorMessage" => self.error_message = map.next_value()?,
            "requestParameters" => self.request = map.next_value()?,
            "responseElements" => self.response = map.next_value()?,
            "additionalEventData" => self.additional = map.next_value()?,
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Begins a session of a member account's root user, by the management account.
const ASSUME_ROOT: &str = "AssumeRoot";
/// Changes the root user's e-mail address of a member account, by the management
/// account.
const NEW_EMAIL: &str = "AcceptPrimaryEmailUpdate";

impl Record<'_> {
    /// Whether a root user did it, or it was done to one.
    fn is_of_root(&self) -> bool {
        self.identity.kind.eq_ignore_ascii_case("root")
            || (self.identity.kind.is_empty() && self.identity.arn.ends_with(":root"))
            || self.is_assumed()
            || &*self.name == NEW_EMAIL
    }

    fn is_assumed(&self) -> bool {
        self.identity.session.assumed_root.eq_ignore_ascii_case("true") || &*self.name == ASSUME_ROOT
    }

    fn what(&self) -> RootUse {
        match &*self.name {
            "ConsoleLogin" => RootUse::SignIn,
            "PasswordUpdated" => RootUse::PasswordUpdated,
            "PasswordRecoveryRequested" => RootUse::PasswordRecoveryRequested,
            "PasswordRecoveryCompleted" => RootUse::PasswordRecoveryCompleted,
            "EnableMFADevice" => RootUse::MfaEnabled,
            "DeactivateMFADevice" => RootUse::MfaDeactivated,
            "CreateAccessKey" => RootUse::AccessKeyCreated,
            "EmailUpdated" | NEW_EMAIL => RootUse::EmailUpdated,
            _ if self.is_assumed() => RootUse::RootAssumed,
            _ => RootUse::Called,
        }
    }

    /// What a service does in a root user's name is no use of it.
    fn is_of_a_service(&self, rest: &Rest<'_>) -> bool {
        !self.identity.invoked_by.is_empty() || &*rest.kind == "AwsServiceEvent"
    }

    fn account(&self, rest: &Rest<'_>) -> Option<AccountNumber> {
        let of = AccountNumber::of_principal;
        match &*self.name {
            ASSUME_ROOT => of(&rest.request.target),
            NEW_EMAIL => of(&rest.request.account),
            _ => None,
        }
        .or_else(|| of(&self.identity.account))
        .or_else(|| of(&self.identity.arn))
        .or_else(|| of(&rest.recipient))
    }

    /// Without an id two records are one if they are the same to the byte.
    fn id(rest: &Rest<'_>, bytes: &[u8]) -> Bytes<32> {
        let named = [&rest.shared_id, &rest.id].into_iter().find(|id| !id.is_empty());
        Bytes(Sha256::digest(named.map_or(bytes, |id| id.as_bytes())).into())
    }

    /// The root event that this record is, which has these bytes.
    pub(super) fn root(&self, bytes: &[u8], texts: &mut Texts) -> Result<Option<RootEvent>, Unread> {
        if !self.is_of_root() {
            return Ok(None);
        }
        let none = Rest::default();
        let rest = self.rest.as_deref().unwrap_or(&none);
        let what = self.what();
        if what == RootUse::Called && self.is_of_a_service(rest) {
            return Ok(None);
        }
        let (outcome, mfa) = (&rest.response.outcome, &rest.additional.mfa);
        let erred = !rest.error_code.is_empty() || !rest.error_message.is_empty();
        Ok(Some(RootEvent {
            id: Self::id(rest, bytes),
            account: self.account(rest).ok_or(Unread::NoAccount)?,
            time: time(&self.time)?,
            session: time(&self.identity.session.attributes.begun).ok(),
            what,
            failed: !outcome.eq_ignore_ascii_case("success") && (erred || !outcome.is_empty()),
            mfa: [(true, "yes"), (false, "no")]
                .into_iter()
                .find(|(_, word)| mfa.eq_ignore_ascii_case(word))
                .map(|(used, _)| used),
            name: texts.keep(&self.name),
            from: texts.keep(&rest.from),
            agent: texts.keep(&rest.agent),
        }))
    }
}
