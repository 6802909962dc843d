//! From the attribute and its function to the declaration that is linked in.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, LitStr, Type};

use crate::arguments::Arguments;

const SHAPE: &str = "a job is `async fn name(parameters: P, context: Context) -> Result<R, Error>`";

pub(crate) fn expand(arguments: &Arguments, function: &ItemFn) -> syn::Result<TokenStream> {
    let parameters = parameters_type(function)?;
    let name = name(arguments, function)?;
    let Some(description) = &arguments.description else {
        let problem = "the description is missing; add `description = \"What the job does.\"`";
        return Err(Error::new(proc_macro2::Span::call_site(), problem));
    };
    let timeout_seconds = optional(arguments.timeout_seconds);
    let max_retries = arguments.max_retries.unwrap_or(0);
    let max_concurrent = optional(arguments.max_concurrent);
    let call = &function.sig.ident;
    let read = quote_spanned!(parameters.span()=>
        ::job::macros_support::parameters::<#parameters>(&parameters)?
    );
    Ok(quote! {
        const _: () = {
            fn run(
                parameters: ::job::macros_support::Json,
                context: ::job::Context,
            ) -> ::job::BoxFuture<
                'static,
                ::core::result::Result<::job::macros_support::Json, ::job::Error>,
            > {
                ::std::boxed::Box::pin(async move {
                    let parameters = #read;
                    let output = #call(parameters, context).await?;
                    ::job::macros_support::output(&output)
                })
            }

            ::job::macros_support::inventory::submit! {
                ::job::Declaration {
                    name: #name,
                    description: #description,
                    options: ::job::Options {
                        timeout_seconds: #timeout_seconds,
                        max_retries: #max_retries,
                        max_concurrent: #max_concurrent,
                    },
                    file: ::core::file!(),
                    line: ::core::line!(),
                    run,
                }
            }
        };
    })
}

fn parameters_type(function: &ItemFn) -> syn::Result<&Type> {
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        return Err(Error::new_spanned(signature.fn_token, SHAPE));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(&signature.generics, "a job has no generic parameters"));
    }
    let mut inputs = signature.inputs.iter();
    match (inputs.next(), inputs.next(), inputs.next()) {
        (Some(FnArg::Typed(parameters)), Some(FnArg::Typed(_)), None) => Ok(&parameters.ty),
        _ => Err(Error::new(signature.paren_token.span.join(), SHAPE)),
    }
}

fn name(arguments: &Arguments, function: &ItemFn) -> syn::Result<LitStr> {
    let ident = &function.sig.ident;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => LitStr::new(ident.to_string().trim_start_matches("r#"), ident.span()),
    };
    let text = name.value();
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if fits {
        Ok(name)
    } else {
        Err(Error::new(name.span(), "a job name is 1-64 letters, digits, `_`, `-` and `.`"))
    }
}

fn optional(value: Option<u32>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
