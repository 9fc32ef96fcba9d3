//! Grants: which roles a service offers, who holds them there, and single permissions given directly; until when, and
//! whether somebody has looked at them lately.

mod decide;
mod direct_routes;
mod events;
mod expire;
mod give;
mod grant;
mod group_routes;
mod of_groups;
mod offer;
mod offer_routes;
mod on_resources;
mod people_routes;
mod pre_hijacking;
mod review;
mod review_routes;
mod routes;
mod rules;
pub mod store;
mod take;
mod terms;
mod withdraw;

pub use expire::{expire_every_second, sweep};
pub use give::{Given, give};
pub use grant::{
    DirectGrant, Grantable, GroupRole, GroupRoleGrant, HeldRole, Holder, NamedGrant, NewDirectGrant, NewGroupRoleGrant,
    NewRoleGrant, Offer, PersonInService, RoleGrant,
};

pub use of_groups::{give_to_group, take_from_group};
pub use offer::{offer, offer_in_new_service};
pub use people_routes::routes as people_routes;
pub use pre_hijacking::{
    Notice, must_all_have_own_passwords, must_have_own_password, must_have_own_passwords_for, notices,
    notices_of_holders, notices_of_newcomers,
};
pub use review::{Decisions, Reviewer};
pub use review_routes::routes as review_routes;
pub use routes::routes;
pub use take::{Taken, take};
pub use terms::{GrantTerms, Granted, Reason, RequestedEnd, RequestedReason, RequestedTerms};
pub use withdraw::withdraw;
