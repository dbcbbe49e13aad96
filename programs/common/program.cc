// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/program.h"

#include <cstdio>

#include "common/message.h"
#include "common/outcome.h"
#include "common/signal_watch.h"
#include "common/standard_output.h"
#include "common/usage_error.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {

int run_program(const std::function<int(const sigset_t& signals)>& work) {
  keep_closed_descriptors_free();
  // Failed writes are error numbers here, not signals.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  const sigset_t signals = block_watched_signals();
  try {
    return work(signals);
  } catch (const UsageError& error) {
    message(error.what());
    return kExitUsage;
  } catch (const Error& error) {
    message(error.what());
  } catch (const std::exception&) {
    // There is not even memory for a better message.
    static_cast<void>(std::fputs(kProgramName, stderr));
    static_cast<void>(std::fputs(": ended: out of memory\n", stderr));
  }
  return kExitFailed;
}

}  // namespace qcow2stream::cli
