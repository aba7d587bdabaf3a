//! What an operator has to do by hand for a new pool, each as a command or a sentence.

use shared::model::configuration::rebuild::ToDo;

use super::flags::aws_command;

/// A new pool, or words for it before it exists.
#[derive(Debug, Clone)]
pub struct NewPool {
    pub id: String,
    pub arn: String,
    pub region: String,
}

/// The line for one thing to do.
pub fn line(to_do: &ToDo, pool: &NewPool) -> String {
    let NewPool { id, arn, region } = pool;
    match to_do {
        ToDo::AllowFunction { function } => aws_command(format!(
            "lambda add-permission --function-name {function} --statement-id cognito-{id} --action \
             lambda:InvokeFunction --principal cognito-idp.amazonaws.com --source-arn {arn}"
        ), region),
        ToDo::AllowKey { key } => {
            format!("Allow the functions that send messages to call kms:Decrypt with the key {key}.")
        }
        ToDo::AllowSender => {
            format!("If a policy of the SES identity names the old user pool, let it name {arn}, too.")
        }
        ToDo::TrustOfSmsRole => {
            "The trust policy of the role for SMS must allow Cognito with SmsConfiguration.ExternalId of the user pool."
                .to_owned()
        }
        ToDo::SamlPartners => format!(
            "Give each SAML provider the new entity id urn:amazon:cognito:sp:{id}, and the new signing and encryption \
             certificates of the user pool."
        ),
        ToDo::OAuthRedirects => {
            "If the domain changes, add https://DOMAIN/oauth2/idpresponse to the redirect addresses at each OAuth provider."
                .to_owned()
        }
        ToDo::DnsAlias => {
            "Point the DNS alias of the custom domain to its new CloudFront distribution.".to_owned()
        }
        ToDo::AllowLogs => {
            "If a policy of a log group, a bucket or a stream names the old user pool, let it name the new one, too."
                .to_owned()
        }
        ToDo::WebAcl { list } => {
            let name = list.as_deref().unwrap_or("ARN");
            let associate = format!("wafv2 associate-web-acl --web-acl-arn {name} --resource-arn {arn}");
            let command = aws_command(associate, region);
            match list {
                Some(_) => command,
                None => format!("If AWS WAF protects the old user pool: {command}"),
            }
        }
        ToDo::NewIds => {
            "Give the new ids of the user pool and its clients to applications, identity pools, load balancers and API \
             authorizers."
                .to_owned()
        }
    }
}
