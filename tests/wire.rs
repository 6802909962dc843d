//! What anybody says on the wire that is not what it should be: kept aside once, and nothing else.

mod accounts;
mod deleted;
mod enemy;
mod flood;
mod forged;
mod pack;
mod poison;
mod room;
mod site;
