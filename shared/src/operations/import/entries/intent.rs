//! What a restore does with one user, worked out without asking anybody: the plan counts it, the import does it.

use crate::model::{
    Category, Federated, Identity, ImportOptions, MfaPreference, Note, Outcome, Passwords, Reason, Sub, TargetSettings,
    UserRecord, UserStatus, Username,
};
use crate::ports::pool::{Medium, Operation};

/// What is done with a user that is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The name under which it is created.
    pub name: Username,
    /// Where an invitation goes; a random password is set where there is none.
    pub invitation: Option<Medium>,
    /// Whether it is disabled.
    pub disable: bool,
    /// The identities that are linked to it.
    pub identities: Vec<Identity>,
    /// The second factors that are turned on.
    pub codes: Option<MfaPreference>,
    /// What there is to say about it.
    pub notes: Vec<Note>,
}

impl Intent {
    /// What is done with the user `sub` of the snapshot; the error is the outcome of a user that is not created.
    pub fn of(sub: &Sub, record: &UserRecord, settings: &TargetSettings, options: &ImportOptions) -> Result<Self, Outcome> {
        let federated = record.status == UserStatus::ExternalProvider;
        let identities = record.identities();
        let can_be_linked = identities.as_ref().is_some_and(|identities| !identities.is_empty());
        if federated && !(options.federated == Federated::Link && can_be_linked) {
            return Err(Outcome::Skipped { reason: Reason::FederatedUser });
        }
        let name = match federated && settings.username_attributes.is_empty() {
            // Never its own: a native user of the name that Cognito gives to an identity would keep that identity from signing in.
            true => Some(Username::new(format!("restored-{sub}"))),
            false => settings.sign_in_name(record),
        };
        let name = name.ok_or(Outcome::Failed { reason: Reason::NoSignInName })?;

        let invitation = invitation(record, options);
        let mut notes = Vec::new();
        match invitation {
            Some(_) => notes.push(Note::Invited),
            None => {
                notes.extend((record.status != UserStatus::Confirmed).then_some(Note::StatusNotKept));
                notes.extend((!federated && !record.can_reset_password()).then_some(Note::CannotResetPassword));
            }
        }
        notes.extend(identities.is_none().then_some(Note::IdentitiesNotLinked));
        let codes = codes(record, settings, &mut notes);
        Ok(Self { name, invitation, disable: !record.enabled, identities: identities.unwrap_or_default(), codes, notes })
    }

    /// What there is to say about it when an import job has created it.
    pub fn notes_of_job(&self, record: &UserRecord) -> Vec<Note> {
        // A person with a password has to set a new one either way.
        let has_password = matches!(record.status, UserStatus::Confirmed | UserStatus::ResetRequired);
        let mut notes: Vec<_> = self.notes.iter().copied().filter(|note| *note != Note::StatusNotKept || !has_password).collect();
        notes.push(Note::ResetRequired);
        notes
    }

    /// Whether the user has to set a new password: neither invited nor signed in by a provider.
    pub fn has_to_reset(&self, record: &UserRecord) -> bool {
        self.invitation.is_none() && record.status != UserStatus::ExternalProvider
    }

    /// The calls that it takes to do what is left when an import job has created the user.
    pub fn calls_after_job(&self) -> impl Iterator<Item = Category> {
        let disable = self.disable.then_some(Operation::AdminDisableUser);
        let links = std::iter::repeat_n(Operation::AdminLinkProviderForUser, self.identities.len());
        let codes = self.codes.is_some().then_some(Operation::AdminSetUserMFAPreference);
        disable.into_iter().chain(links).chain(codes).map(Operation::category)
    }

    /// The calls that it takes to create the user and do all of it.
    pub fn calls(&self) -> impl Iterator<Item = Category> {
        let password = self.invitation.is_none().then_some(Operation::AdminSetUserPassword);
        let first = std::iter::once(Operation::AdminCreateUser).chain(password).map(Operation::category);
        first.chain(self.calls_after_job())
    }
}

/// Where an invitation goes, if one is to be sent, the user may sign in with it and has an address.
fn invitation(record: &UserRecord, options: &ImportOptions) -> Option<Medium> {
    let is_for = record.enabled && record.status != UserStatus::ExternalProvider;
    if options.passwords != Passwords::Temporary || !is_for {
        return None;
    }
    let media = [("email", Medium::Email), ("phone_number", Medium::Sms)];
    media.into_iter().find(|(name, _)| has(record, name)).map(|(_, medium)| medium)
}

/// The second factors that can be turned on; what cannot is noted.
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
