//! Robots: people of programs. They hold what people hold and have no way to log in: they act by API keys that their owner makes.

mod create;
mod key_routes;
mod pass_on;
mod robot;
mod routes;
pub mod store;

pub use create::create;
pub use key_routes::key_routes;
pub use pass_on::pass_on;
pub use robot::{NewRobot, Robot, RobotChange};
pub use routes::routes;
