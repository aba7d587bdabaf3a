//! Resources and variables in HCL, and the blocks that import the resources.

use hcl::expr::{FuncCall, TemplateExpr, Traversal, TraversalBuilder, Variable};
use hcl::structure::{Block, BlockBuilder, Body};
use hcl::{Expression, Identifier, Object, ObjectKey};
use serde_json::Value;
use shared::model::configuration::code::{
    Attribute, Code, Identity, Ignored, Members, PoolAsCode, Reference, Resource,
};

use super::CodeFile;

/// `main.tf` with this head, and `imports.tf`.
pub(super) fn files(code: &PoolAsCode, head: &str) -> Result<Vec<CodeFile>, Box<dyn std::error::Error>> {
    let mut blocks = Vec::new();
    for secret in &code.secrets {
        let variable = Block::builder("variable")
            .add_label(secret.name.as_str())
            .add_attribute(("description", text(&secret.of)))
            .add_attribute(("type", Expression::Variable(Variable::new("string")?)))
            .add_attribute(("sensitive", true));
        blocks.push(variable.build());
    }
    for resource in &code.resources {
        blocks.push(resource_block(resource)?);
    }
    let main = head.to_owned() + "\n" + &formatted(blocks)?;
    let imports = code.resources.iter().map(import_block).collect::<Result<Vec<_>, _>>()?;
    Ok(vec![
        CodeFile { name: "main.tf", content: main, is_data: false },
        CodeFile { name: "imports.tf", content: formatted(imports)?, is_data: false },
    ])
}

fn formatted(blocks: Vec<Block>) -> Result<String, hcl::Error> {
    hcl::format::to_string(&Body::from_iter(blocks))
}

fn resource_block(resource: &Resource) -> Result<Block, hcl::Error> {
    let builder = Block::builder("resource").add_label(resource.kind).add_label(resource.label.as_str());
    let mut builder = with_members(builder, &resource.members)?;
    if resource.is_protected || !resource.ignored.is_empty() {
        let mut lifecycle = Block::builder("lifecycle");
        if !resource.ignored.is_empty() {
            let ignored = resource.ignored.iter().map(ignored).collect::<Result<Vec<_>, _>>()?;
            lifecycle = lifecycle.add_attribute(("ignore_changes", Expression::Array(ignored)));
        }
        if resource.is_protected {
            lifecycle = lifecycle.add_attribute(("prevent_destroy", true));
        }
        builder = builder.add_block(lifecycle.build());
    }
    if !resource.after.is_empty() {
        let after = resource.after.iter().map(|(kind, label)| address(kind, label, None));
        let after = after.collect::<Result<Vec<_>, _>>()?;
        builder = builder.add_attribute(("depends_on", Expression::Array(after)));
    }
    Ok(builder.build())
}

fn import_block(resource: &Resource) -> Result<Block, hcl::Error> {
    let id = match &resource.identity {
        Identity::Text(id) => id.clone(),
        Identity::Properties(properties) => {
            properties.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("/")
        }
    };
    let to = address(resource.kind, &resource.label, None)?;
    Ok(Block::builder("import").add_attribute(("to", to)).add_attribute(("id", text(&id))).build())
}

/// Adds values as attributes first, and objects as blocks behind them.
fn with_members(mut builder: BlockBuilder, members: &Members) -> Result<BlockBuilder, hcl::Error> {
    for (name, code) in members {
        if let Some(expression) = expression(code)? {
            builder = builder.add_attribute((name.as_str(), expression));
        }
    }
    for (name, code) in members {
        let elements = match code {
            Code::Object(object) => std::slice::from_ref(object),
            Code::Objects(objects) => objects.as_slice(),
            Code::Value(_) | Code::Json(_) | Code::Map(_) | Code::Reference(_) => continue,
        };
        for element in elements {
            builder = builder.add_block(with_members(Block::builder(name.as_str()), element)?.build());
        }
    }
    Ok(builder)
}

/// The expression of a value. None for objects, which are blocks.
fn expression(code: &Code) -> Result<Option<Expression>, hcl::Error> {
    Ok(Some(match code {
        Code::Value(value) => literal(value),
        Code::Json(value) => Expression::from(FuncCall::builder("jsonencode").arg(literal(value)).build()),
        Code::Map(members) => {
            let mut object = Object::new();
            for (key, code) in members {
                if let Some(value) = expression(code)? {
                    object.insert(ObjectKey::Expression(text(key)), value);
                }
            }
            Expression::Object(object)
        }
        Code::Reference(Reference::Secret(name)) => {
            Traversal::builder(Variable::new("var")?).attr(Identifier::new(name.as_str())?).build().into()
        }
        Code::Reference(Reference::Resource { kind, label, attribute }) => {
            address(kind, label, Some(*attribute))?
        }
        Code::Object(_) | Code::Objects(_) => return Ok(None),
    }))
}

/// `aws_cognito_user_pool.main`, or an attribute of it.
fn address(kind: &str, label: &str, attribute: Option<Attribute>) -> Result<Expression, hcl::Error> {
    let resource = Traversal::builder(Variable::new(kind)?).attr(Identifier::new(label)?);
    let resource = match attribute {
        None => resource,
        Some(Attribute::Id) => resource.attr("id"),
        Some(Attribute::Arn) => resource.attr("arn"),
    };
    Ok(resource.build().into())
}

fn ignored(ignored: &Ignored) -> Result<Expression, hcl::Error> {
    let mut names = ignored.member.split('.');
    let first = names.next().unwrap_or_default();
    let mut path = step(Traversal::builder(Variable::new(first.trim_end_matches(BLOCK))?), first);
    for name in names {
        path = step(path.attr(Identifier::new(name.trim_end_matches(BLOCK))?), name);
    }
    if let Some(key) = &ignored.key {
        path = path.index(text(key));
    }
    let path = path.build();
    Ok(if path.operators.is_empty() { path.expr } else { path.into() })
}

/// What stands behind the name of an only block.
const BLOCK: &str = "[0]";

fn step(path: TraversalBuilder, name: &str) -> TraversalBuilder {
    if name.ends_with(BLOCK) { path.index(0) } else { path }
}

/// JSON as an expression. Texts are no templates.
fn literal(value: &Value) -> Expression {
    match value {
        Value::Null => Expression::Null,
        Value::Bool(bool) => Expression::Bool(*bool),
        Value::Number(number) => number.as_i64().map_or_else(
            || number.as_f64().and_then(hcl::Number::from_f64).map_or(Expression::Null, Expression::Number),
            |number| Expression::Number(number.into()),
        ),
        Value::String(string) => text(string),
        Value::Array(elements) => Expression::Array(elements.iter().map(literal).collect()),
        Value::Object(members) => Expression::Object(
            members.iter().map(|(key, value)| (ObjectKey::Expression(text(key)), literal(value))).collect(),
        ),
    }
}

/// A text that Terraform takes as it is. The signs that begin a template are written as their codes: the formatter of
/// the library escapes them only if they stand alone, and an index, a description and the id of an import have to be
/// one literal.
/// Source: "Quoted Literals" and "Template Literals", HCL Native Syntax Specification.
fn text(text: &str) -> Expression {
    let mut quoted = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '$' | '%' if signs.peek() == Some(&'{') => quoted.push_str(&code_of(sign)),
            _ if sign.is_control() => quoted.push_str(&code_of(sign)),
            _ => quoted.push(sign),
        }
    }
    Expression::from(TemplateExpr::QuotedString(quoted))
}

fn code_of(sign: char) -> String {
    format!("\\u{:04x}", u32::from(sign))
}
