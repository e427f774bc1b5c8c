//! The real server over HTTP. One binary, one module a promise.

#[cfg(test)]
mod docs;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod fail_points;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod native;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod plc_chat;
#[cfg(test)]
mod power_cut;
#[cfg(test)]
mod support;
#[cfg(test)]
mod token_chats;
