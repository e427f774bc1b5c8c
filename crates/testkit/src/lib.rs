//! Tools for tests: contract suites for every port, fakes, a scripted upstream, throwaway servers.

pub mod collector;
pub mod contracts;
pub mod fakes;
pub mod lossyfs;
pub mod proxy;
pub mod throwaway;
pub mod upstream;
