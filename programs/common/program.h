// SPDX-License-Identifier: GPL-2.0-or-later
//
// What each of the programs does around its work.

#pragma once

#include <csignal>
#include <functional>

namespace qcow2stream::cli {

// What --help and --version ask for.
enum class Text { kHelp, kVersion };

// Calls `work` with the signals that block_watched_signals() has blocked, while there is one thread
// only, and returns what it returns: the exit status. What it throws becomes a message and a
// status.
int run_program(const std::function<int(const sigset_t& signals)>& work);

}  // namespace qcow2stream::cli
