//! What stands in the brackets of the attribute.

use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitInt, LitStr, Token};

/// The options as they are written; those absent are `None`.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) name: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) timeout_seconds: Option<u32>,
    pub(crate) max_retries: Option<u8>,
    pub(crate) max_concurrent: Option<u32>,
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
        Ok(arguments)
    }
}

impl Arguments {
    fn option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let option: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        match option.to_string().as_str() {
            "description" => once(&option, &mut self.description, description(input)?),
            "timeout_seconds" => once(&option, &mut self.timeout_seconds, limit(input)?),
            "max_retries" => {
                let retries = input.parse::<LitInt>()?.base10_parse()?;
                once(&option, &mut self.max_retries, retries)
            }
            "max_concurrent" => once(&option, &mut self.max_concurrent, limit(input)?),
            other => Err(syn::Error::new(
                option.span(),
                format!(
                    "unknown option `{other}`; there are `description`, `timeout_seconds`, \
                     `max_retries` and `max_concurrent`"
                ),
            )),
        }
    }
}

fn once<T>(option: &Ident, place: &mut Option<T>, value: T) -> syn::Result<()> {
    if place.replace(value).is_some() {
        return Err(syn::Error::new(option.span(), format!("`{option}` is given twice")));
    }
    Ok(())
}

fn description(input: ParseStream<'_>) -> syn::Result<LitStr> {
    let literal: LitStr = input.parse()?;
    let text = literal.value();
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err(syn::Error::new(literal.span(), "a description is one line of text"));
    }
    Ok(literal)
}

fn limit(input: ParseStream<'_>) -> syn::Result<u32> {
    let literal: LitInt = input.parse()?;
    match literal.base10_parse()? {
        0 => Err(syn::Error::new(
            literal.span(),
            "must be 1 or more; leave the option out for no limit of its own",
        )),
        limit => Ok(limit),
    }
}
