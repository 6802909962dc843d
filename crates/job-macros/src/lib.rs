//! How a job is declared: the #[job] attribute.
//!
//! `#[job("name", description = "…")]` on
//! `async fn f(parameters: P, context: Context) -> Result<R, Error>` links the function into the
//! program as a job. `P` is read from the task's parameters, `R` is written as its output.
//!
//! | option | means | if absent |
//! |---|---|---|
//! | the name, first and without `=` | what tasks call the job: letters, digits, `_`, `-`, `.` | the function's name |
//! | `description` | one line for people | an error |
//! | `timeout_seconds` | seconds an attempt may take, from 1 | the system's default |
//! | `max_retries` | extra attempts after a failure, 0-255 | 0 |
//! | `max_concurrent` | attempts that run at once in the fleet, from 1 | no limit |

mod arguments;
mod expand;

use proc_macro::TokenStream;

/// Declares an async function as a job; the table in the crate's description lists the options.
///
/// The function stays as it is and can be called by tests.
#[proc_macro_attribute]
pub fn job(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = syn::parse_macro_input!(item as syn::ItemFn);
    let expanded =
        syn::parse(arguments).and_then(|arguments| expand::expand(&arguments, &function));
    // With a fault the function stays, so that it is not reported as missing on top.
    let declaration = expanded.unwrap_or_else(|fault| fault.to_compile_error());
    quote::quote!(#function #declaration).into()
}
