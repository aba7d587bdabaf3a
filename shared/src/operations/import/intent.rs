//! The restore's intent for one user, decided without any call. The forecast counts intents. The
//! import carries them out.

use crate::model::{
    Category, Federated, Identity, ImportOptions, MfaPreference, Note, Outcome, Passwords, Reason, Sub,
    TargetSettings, Unconfirmed, UserRecord, UserStatus, Username,
};
use crate::ports::pool::{Medium, Operation};

/// Why the restore creates no user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCreated {
    /// The input leaves it to its next federated sign-in.
    LeftToSignIn,
    /// The input asks to link it, and it has no identity that can be linked.
    FederatedUser,
    /// The input leaves out users that are not confirmed.
    Unconfirmed,
    /// The user has no name that the target signs in by.
    NoSignInName,
}

impl NotCreated {
    pub fn reason(self) -> Reason {
        match self {
            Self::LeftToSignIn => Reason::LeftToSignIn,
            Self::FederatedUser => Reason::FederatedUser,
            Self::Unconfirmed => Reason::Unconfirmed,
            Self::NoSignInName => Reason::NoSignInName,
        }
    }

    /// The outcome if the target has no such user either.
    pub fn outcome(self) -> Outcome {
        let reason = self.reason();
        match self {
            Self::LeftToSignIn | Self::FederatedUser | Self::Unconfirmed => Outcome::Skipped { reason },
            Self::NoSignInName => Outcome::Failed { reason },
        }
    }
}

/// What the restore does with a user that it creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The username in the target.
    pub name: Username,
    /// How Cognito sends the invitation. Without one, the restore sets a random password.
    pub invitation: Option<Medium>,
    /// Whether the user is disabled.
    pub disable: bool,
    /// The identities to link.
    pub identities: Vec<Identity>,
    /// The second factors to turn on.
    pub codes: Option<MfaPreference>,
    /// What the report says about the user.
    pub notes: Vec<Note>,
}

impl Intent {
    /// The intent for the user `sub` of the snapshot.
    pub fn of(
        sub: &Sub,
        record: &UserRecord,
        settings: &TargetSettings,
        options: &ImportOptions,
    ) -> Result<Self, NotCreated> {
        let federated = record.is_federated();
        let identities = record.identities();
        let can_be_linked = identities.as_ref().is_some_and(|identities| !identities.is_empty());
        match options.federated {
            Federated::Skip if federated => return Err(NotCreated::LeftToSignIn),
            Federated::Link if federated && !can_be_linked => return Err(NotCreated::FederatedUser),
            _ => {}
        }
        let was_unconfirmed = record.status == UserStatus::Unconfirmed;
        if was_unconfirmed && options.unconfirmed == Unconfirmed::Skip {
            return Err(NotCreated::Unconfirmed);
        }
        let name = if federated && settings.username_attributes.is_empty() {
            // Cognito names a federated user after its identity. A native user of that name would
            // block the identity.
            Some(Username::new(format!("restored-{sub}")))
        } else {
            settings.sign_in_name(record)
        };
        let name = name.ok_or(NotCreated::NoSignInName)?;

        let invitation = invitation(record, options);
        let mut notes = Vec::new();
        notes.extend(was_unconfirmed.then_some(Note::WasUnconfirmed));
        notes.extend(identities.is_none().then_some(Note::IdentitiesNotLinked));
        let codes = codes(record, settings, &mut notes);
        if invitation.is_some() {
            notes.push(Note::Invited);
        } else {
            let keeps_status = was_unconfirmed || record.status == UserStatus::Confirmed;
            notes.extend((!keeps_status).then_some(Note::StatusNotKept));
            let obstacle = settings.recovery.obstacle(record, codes.as_ref()).filter(|_| !federated);
            notes.extend(obstacle.into_iter().flat_map(|obstacle| [Note::CannotResetPassword, obstacle]));
        }
        Ok(Self {
            name,
            invitation,
            disable: !record.enabled,
            identities: identities.unwrap_or_default(),
            codes,
            notes,
        })
    }

    /// Adds what the report says if values of the user are left out.
    pub fn note_left_out(&mut self, left_out: &[String]) {
        self.notes.extend(left_out_note(left_out));
    }

    /// The notes of the report if an import job created the user.
    pub fn notes_of_job(&self, record: &UserRecord) -> Vec<Note> {
        // A user who had a password has to set a new one in any case.
        let has_password = matches!(record.status, UserStatus::Confirmed | UserStatus::ResetRequired);
        let mut notes: Vec<_> =
            self.notes.iter().copied().filter(|note| *note != Note::StatusNotKept || !has_password).collect();
        notes.push(Note::ResetRequired);
        notes
    }

    /// Whether the user has to set a new password. Invited users and users of a provider do not.
    pub fn has_to_reset(&self, record: &UserRecord) -> bool {
        self.invitation.is_none() && !record.is_federated()
    }

    /// The calls that are left after an import job created the user. Before it links the user, the
    /// restore looks up the username.
    pub fn calls_after_job(&self) -> impl Iterator<Item = Category> {
        let look_up = (!self.identities.is_empty()).then_some(Operation::AdminGetUser);
        look_up.into_iter().map(Operation::category).chain(self.calls_to_complete())
    }

    fn calls_to_complete(&self) -> impl Iterator<Item = Category> {
        let disable = self.disable.then_some(Operation::AdminDisableUser);
        let links = std::iter::repeat_n(Operation::AdminLinkProviderForUser, self.identities.len());
        let codes = self.codes.is_some().then_some(Operation::AdminSetUserMFAPreference);
        disable.into_iter().chain(links).chain(codes).map(Operation::category)
    }

    /// The calls to create the user and complete it.
    pub fn calls(&self) -> impl Iterator<Item = Category> {
        let password = self.invitation.is_none().then_some(Operation::AdminSetUserPassword);
        let first = std::iter::once(Operation::AdminCreateUser).chain(password).map(Operation::category);
        first.chain(self.calls_to_complete())
    }
}

/// What the report says if values of a user are left out.
pub fn left_out_note(left_out: &[String]) -> Option<Note> {
    (!left_out.is_empty()).then_some(Note::ValueNotRestored)
}

/// How Cognito sends an invitation. None unless the input asks for it, the user may sign in with it
/// and the user has an address.
fn invitation(record: &UserRecord, options: &ImportOptions) -> Option<Medium> {
    let is_for = record.enabled && !record.is_federated();
    if options.passwords != Passwords::Temporary || !is_for {
        return None;
    }
    let media = [("email", Medium::Email), ("phone_number", Medium::Sms)];
    media.into_iter().find(|(name, _)| has(record, name)).map(|(_, medium)| medium)
}

/// The second factors that can be turned on. The others become notes.
fn codes(record: &UserRecord, settings: &TargetSettings, notes: &mut Vec<Note>) -> Option<MfaPreference> {
    let factors = record.second_factors()?;
    notes.extend(factors.must_enrol_again().then_some(Note::MustEnrolAgain));
    let mut codes = factors.restorable()?;
    let wanted = codes.enabled.len();
    let address_of = |factor: &str| if factor == MfaPreference::SMS { "phone_number" } else { "email" };
    codes.enabled.retain(|factor| settings.has_mfa() && has(record, address_of(factor)));
    notes.extend((codes.enabled.len() < wanted).then_some(Note::MfaNotKept));
    codes.preferred = codes.preferred.filter(|preferred| codes.enabled.contains(preferred));
    (!codes.enabled.is_empty()).then_some(codes)
}

fn has(record: &UserRecord, name: &str) -> bool {
    record.attributes.get(name).is_some_and(|value| !value.is_empty())
}
