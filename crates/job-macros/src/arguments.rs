//! What stands in the brackets of the attribute.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitBool, LitInt, LitStr, Token, bracketed};

/// The options.
const OPTIONS: [&str; 24] = [
    "name",
    "aliases",
    "description",
    "interval_seconds",
    "cron",
    "jitter_seconds",
    "misfire",
    "enabled",
    "priority",
    "max_retries",
    "retry_delay_seconds",
    "timeout_seconds",
    "max_concurrent",
    "queue",
    "batch_size",
    "preserve_order",
    "dead_letter",
    "requires_wallet",
    "requires_twitter",
    "requires_discord",
    "requires_blockchain",
    "requires_ai",
    "dependencies",
    "idempotent",
];
const PRIORITIES: [(&str, &str); 5] = [
    ("low", "Low"),
    ("normal", "Medium"),
    ("medium", "Medium"),
    ("high", "High"),
    ("critical", "Critical"),
];
const MISFIRES: [(&str, &str); 3] =
    [("skip", "Skip"), ("run_once", "RunOnce"), ("catch_up", "CatchUp")];

/// More messages than this are no batch: `protocol::limits::QUEUE_BATCH_MAX`.
const BATCH_MAX: u32 = 1000;

/// The options as they are written; those absent are in no list.
#[derive(Default)]
pub(crate) struct Arguments {
    /// What tasks call it.
    pub(crate) name: Option<LitStr>,
    /// What people call it.
    pub(crate) title: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    /// Fields of `job::Options` with their values.
    fields: Vec<(&'static str, TokenStream)>,
    requires: Vec<Ident>,
    seen: Vec<Ident>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self::default();
        if input.peek(LitStr) {
            arguments.name = Some(input.parse()?);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        while !input.is_empty() {
            arguments.option(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        arguments.check()?;
        Ok(arguments)
    }
}

impl Arguments {
    /// The fields of `job::Options` that are not the default.
    pub(crate) fn options(&self) -> TokenStream {
        let (names, values): (Vec<Ident>, Vec<&TokenStream>) = self
            .fields
            .iter()
            .map(|(name, value)| (Ident::new(name, proc_macro2::Span::call_site()), value))
            .unzip();
        let requires = &self.requires;
        quote! {
            ::job::Options {
                #(#names: #values,)*
                requires: &[#(::job::Credential::#requires),*],
                ..::job::Options::DEFAULT
            }
        }
    }

    fn option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let option: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        let name = option.to_string();
        if self.seen.contains(&option) {
            return Err(syn::Error::new(option.span(), format!("`{name}` is given twice")));
        }
        match name.as_str() {
            "name" => self.title = Some(line(input, "a name for people")?),
            "description" => self.description = Some(line(input, "a description")?),
            "interval_seconds" => {
                self.rhythm(&option)?;
                let seconds = positive(input, "leave the option out for no schedule")?;
                self.field("rhythm", some(&quote!(::job::Rhythm::Every(#seconds))));
            }
            "cron" => {
                self.rhythm(&option)?;
                let fields = cron(input)?;
                self.field("rhythm", some(&quote!(::job::Rhythm::Cron(#fields))));
            }
            "misfire" => {
                let word = word(input, &MISFIRES)?;
                self.field("misfire", quote!(::job::macros_support::Misfire::#word));
            }
            "priority" => {
                let word = word(input, &PRIORITIES)?;
                self.field("priority", quote!(::job::macros_support::Priority::#word));
            }
            "jitter_seconds" => {
                let seconds: u32 = input.parse::<LitInt>()?.base10_parse()?;
                self.field("jitter_seconds", quote!(#seconds));
            }
            "max_retries" => {
                let retries: u8 = input.parse::<LitInt>()?.base10_parse()?;
                self.field("max_retries", quote!(#retries));
            }
            "retry_delay_seconds" => self.limit("retry_delay_seconds", input)?,
            "timeout_seconds" => self.limit("timeout_seconds", input)?,
            "max_concurrent" => self.limit("max_concurrent", input)?,
            "batch_size" => {
                let size = batch(input)?;
                self.field("batch_size", quote!(#size));
            }
            "requires_wallet" => self.require("Wallet", input)?,
            "requires_twitter" => self.require("Twitter", input)?,
            "requires_discord" => self.require("Discord", input)?,
            "requires_blockchain" => self.require("Blockchain", input)?,
            "requires_ai" => self.require("Ai", input)?,
            "aliases" => {
                let names = list(input)?;
                self.field("aliases", quote!(&[#(#names),*]));
            }
            "dependencies" => {
                let names = list(input)?;
                self.field("dependencies", quote!(&[#(#names),*]));
            }
            "enabled" => self.switch("enabled", input)?,
            "preserve_order" => self.switch("preserve_order", input)?,
            "idempotent" => self.switch("idempotent", input)?,
            "dead_letter" => self.switch("dead_letter", input)?,
            "queue" => {
                let queue = queue(input)?;
                self.field("queue", some(&quote!(#queue)));
            }
            other => return Err(unknown(&option, other)),
        }
        self.seen.push(option);
        Ok(())
    }

    fn field(&mut self, name: &'static str, value: TokenStream) {
        self.fields.push((name, value));
    }

    fn switch(&mut self, name: &'static str, input: ParseStream<'_>) -> syn::Result<()> {
        let on = input.parse::<LitBool>()?.value;
        self.field(name, quote!(#on));
        Ok(())
    }

    fn limit(&mut self, name: &'static str, input: ParseStream<'_>) -> syn::Result<()> {
        let limit = positive(input, "leave the option out for no limit of its own")?;
        self.field(name, some(&quote!(#limit)));
        Ok(())
    }

    fn require(&mut self, credential: &str, input: ParseStream<'_>) -> syn::Result<()> {
        let literal: LitBool = input.parse()?;
        if literal.value {
            self.requires.push(Ident::new(credential, literal.span()));
        }
        Ok(())
    }

    /// No option may be there for show.
    fn check(&self) -> syn::Result<()> {
        let find = |option: &str| self.seen.iter().find(|seen| *seen == option);
        let needs = [
            ("jitter_seconds", ["interval_seconds", "cron"].as_slice()),
            ("misfire", &["interval_seconds", "cron"]),
            ("enabled", &["interval_seconds", "cron"]),
            ("queue", &["interval_seconds", "cron"]),
            ("batch_size", &["queue"]),
            ("preserve_order", &["queue"]),
            ("dead_letter", &["queue"]),
            ("retry_delay_seconds", &["max_retries"]),
        ];
        for (option, others) in needs {
            if let Some(seen) = find(option)
                && !others.iter().any(|other| find(other).is_some())
            {
                let others = others.join("` or `");
                let problem = format!("`{option}` means nothing without `{others}`");
                return Err(syn::Error::new(seen.span(), problem));
            }
        }
        Ok(())
    }

    fn rhythm(&self, option: &Ident) -> syn::Result<()> {
        if self.fields.iter().any(|(name, _)| *name == "rhythm") {
            let problem = "a job has `interval_seconds` or `cron`, not both";
            return Err(syn::Error::new(option.span(), problem));
        }
        Ok(())
    }
}

fn some(value: &TokenStream) -> TokenStream {
    quote!(::core::option::Option::Some(#value))
}

fn unknown(option: &Ident, name: &str) -> syn::Error {
    let all = OPTIONS.map(|option| format!("`{option}`")).join(", ");
    syn::Error::new(option.span(), format!("unknown option `{name}`; there are {all}"))
}

fn line(input: ParseStream<'_>, what: &str) -> syn::Result<LitStr> {
    let literal: LitStr = input.parse()?;
    let text = literal.value();
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err(syn::Error::new(literal.span(), format!("{what} is one line of text")));
    }
    Ok(literal)
}

fn positive(input: ParseStream<'_>, otherwise: &str) -> syn::Result<u32> {
    let literal: LitInt = input.parse()?;
    match literal.base10_parse()? {
        0 => Err(syn::Error::new(literal.span(), format!("must be 1 or more; {otherwise}"))),
        number => Ok(number),
    }
}

fn batch(input: ParseStream<'_>) -> syn::Result<u32> {
    let literal: LitInt = input.parse()?;
    let size = literal.base10_parse()?;
    if (1..=BATCH_MAX).contains(&size) {
        return Ok(size);
    }
    Err(syn::Error::new(literal.span(), format!("must be 1 to {BATCH_MAX}")))
}

fn word(input: ParseStream<'_>, words: &[(&str, &str)]) -> syn::Result<Ident> {
    let literal: LitStr = input.parse()?;
    let text = literal.value();
    if let Some((_, variant)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(Ident::new(variant, literal.span()));
    }
    let all = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    Err(syn::Error::new(literal.span(), format!("must be one of {all}")))
}

fn list(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    let content;
    bracketed!(content in input);
    let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    Ok(names.into_iter().collect())
}

/// Six fields of the characters that cron knows; whether they make sense is for the server to say.
fn cron(input: ParseStream<'_>) -> syn::Result<LitStr> {
    let literal: LitStr = input.parse()?;
    let text = literal.value();
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b" *,-/?".contains(&byte);
    if text.split_ascii_whitespace().count() == 6 && text.bytes().all(known) {
        return Ok(literal);
    }
    let problem = "a cron expression has six fields, seconds first: \"0 */5 * * * *\"";
    Err(syn::Error::new(literal.span(), problem))
}

fn queue(input: ParseStream<'_>) -> syn::Result<LitStr> {
    let literal: LitStr = input.parse()?;
    let text = literal.value();
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if fits {
        return Ok(literal);
    }
    let problem = "a queue is 1-64 letters, digits, `_` and `-`";
    Err(syn::Error::new(literal.span(), problem))
}
