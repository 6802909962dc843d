//! From the attribute and what it stands on to the declaration that is linked in.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, FnArg, Ident, Item, ItemFn, ItemImpl, Lit, LitStr, Meta, Type};

use crate::arguments::Arguments;

const SHAPE: &str = "a job is `async fn name(parameters: P, context: Context) -> Result<R, Error>`";
const PLACES: &str = "a job is an `async fn`, or an `impl Job for` a type";

pub(crate) fn expand(arguments: &Arguments, item: &Item) -> syn::Result<TokenStream> {
    match item {
        Item::Fn(function) => of_function(arguments, function),
        Item::Impl(implementation) => of_implementation(arguments, implementation),
        other => Err(Error::new(other.span(), PLACES)),
    }
}

/// A function is wrapped into a type that has no hooks.
fn of_function(arguments: &Arguments, function: &ItemFn) -> syn::Result<TokenStream> {
    let parameters = parameters_type(function)?;
    let output = match &function.sig.output {
        syn::ReturnType::Type(_, output) => output,
        syn::ReturnType::Default => return Err(Error::new(function.sig.span(), SHAPE)),
    };
    let call = &function.sig.ident;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => LitStr::new(call.to_string().trim_start_matches("r#"), call.span()),
    };
    let plain = Ident::new("PlainJob", Span::call_site());
    let declared = declare(arguments, &name, &function.attrs, &quote!(#plain), parameters)?;
    let parameters = quote_spanned!(parameters.span()=> #parameters);
    let output = quote_spanned!(output.span()=>
        <#output as ::job::macros_support::Fallible>::Output
    );
    Ok(quote! {
        const _: () = {
            #[derive(::core::default::Default)]
            struct #plain;

            impl ::job::Job for #plain {
                type Parameters = #parameters;
                type Output = #output;

                // A look at the memory for each attempt is dear, and most functions never rest.
                async fn validate_prerequisites(&self, _: &::job::Context) -> ::job::Check {
                    ::core::result::Result::Ok(())
                }

                async fn run(
                    &self,
                    parameters: Self::Parameters,
                    context: ::job::Context,
                ) -> ::core::result::Result<Self::Output, ::job::Error> {
                    #call(parameters, context).await
                }
            }

            #declared
        };
    })
}

fn of_implementation(arguments: &Arguments, item: &ItemImpl) -> syn::Result<TokenStream> {
    let is_job = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
    if is_job.is_none_or(|last| last.ident != "Job") {
        return Err(Error::new(item.self_ty.span(), PLACES));
    }
    if !item.generics.params.is_empty() {
        return Err(Error::new_spanned(&item.generics, "a job has no generic parameters"));
    }
    let Some(name) = &arguments.name else {
        let problem = "the name is missing: `#[job(\"name\", …)]`";
        return Err(Error::new(Span::call_site(), problem));
    };
    let this = &item.self_ty;
    let parameters = quote!(<#this as ::job::Job>::Parameters);
    let declared = declare(arguments, name, &item.attrs, &quote!(#this), &parameters)?;
    Ok(quote!(const _: () = { #declared };))
}

/// The declaration of the job that `this` type is.
fn declare(
    arguments: &Arguments,
    name: &LitStr,
    attributes: &[Attribute],
    this: &TokenStream,
    parameters: &impl quote::ToTokens,
) -> syn::Result<TokenStream> {
    check_name(name)?;
    let spoken = || name.value().replace(['_', '.', '-'], " ");
    let title = arguments.title.as_ref().map_or_else(spoken, LitStr::value);
    let said = arguments.description.as_ref().map(LitStr::value);
    let description = said
        .or_else(|| first_line_of_docs(attributes))
        .unwrap_or_else(|| format!("Runs {}.", spoken()));
    let options = arguments.options();
    Ok(quote! {
        fn begin() -> ::std::sync::Arc<dyn ::job::Code> {
            ::std::sync::Arc::new(<#this as ::core::default::Default>::default())
        }

        fn schemas() -> ::job::Schemas {
            #[allow(unused_imports)]
            use ::job::macros_support::{Described as _, Undescribed as _};
            ::job::Schemas {
                parameters: (&::job::macros_support::Probe::<#parameters>::new()).schema(),
                output: (&::job::macros_support::Probe::<<#this as ::job::Job>::Output>::new())
                    .schema(),
            }
        }

        ::job::macros_support::inventory::submit! {
            ::job::Declaration {
                name: #name,
                title: #title,
                description: #description,
                options: #options,
                file: ::core::file!(),
                line: ::core::line!(),
                begin,
                schemas,
            }
        }
    })
}

/// The first line of the documentation, if there is one.
fn first_line_of_docs(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else { return None };
        let Expr::Lit(value) = &pair.value else { return None };
        let Lit::Str(text) = &value.lit else { return None };
        let line = text.value().trim().to_owned();
        (pair.path.is_ident("doc") && !line.is_empty()).then_some(line)
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

fn check_name(name: &LitStr) -> syn::Result<()> {
    let text = name.value();
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if fits {
        Ok(())
    } else {
        Err(Error::new(name.span(), "a job name is 1-64 letters, digits, `_`, `-` and `.`"))
    }
}
