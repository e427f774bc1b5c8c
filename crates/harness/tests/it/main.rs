//! The real server over HTTP. One binary, one module a promise.

#[cfg(test)]
mod ai_sdk;
#[cfg(test)]
mod ainfo_rooms;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod fail_points;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod instances;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod native;
#[cfg(test)]
mod openai;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod plc_chat;
#[cfg(test)]
mod power_cut;
#[cfg(test)]
mod quote_chat;
#[cfg(test)]
mod support;
#[cfg(test)]
mod token_chats;
