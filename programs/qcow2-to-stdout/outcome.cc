// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/outcome.h"

#include <fmt/format.h>

#include <cerrno>
#include <new>
#include <system_error>

#include "base/errors.h"
#include "common/command.h"
#include "qcow2-to-stdout/advice.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

ExitStatus status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kFailed:
      return kExitFailed;
    case ErrorKind::kUsage:
      return kExitUsage;
    case ErrorKind::kChanged:
      return kExitChanged;
    case ErrorKind::kMismatch:
      return kExitMismatch;
  }
  return kExitFailed;
}

}  // namespace

Outcome outcome_of(const Options& options, const OutputInProgress& output,
                   const std::function<void()>& run) {
  const auto failed = [&](std::string_view what) {
    return Outcome{.status = kExitFailed,
                   .message = fmt::format("{}: {}{}", disk_name(options), what,
                                          output.note(options, false, false))};
  };
  try {
    run();
    return {};
  } catch (const UsageError& error) {
    return {.status = kExitUsage, .message = error.what()};
  } catch (const CommandFailed& error) {
    return {.status = error.status(), .message = error.what()};
  } catch (const Error& error) {
    const bool discard = error.kind() == ErrorKind::kChanged;
    return {
        .status = status_of(error.kind()),
        .message = error.what() + advice_text(error) + output.note(options, discard, false),
        .receiver_left = error.subject() == ErrorSubject::kOutput && error.error_number() == EPIPE};
  } catch (const std::bad_alloc&) {
    return failed("out of memory");
  } catch (const std::system_error& error) {
    // The standard library's, which throws them for threads only.
    return failed("cannot go on: " + errno_text(error.code().value()));
  } catch (const std::exception& error) {
    return failed(error.what());
  }
}

}  // namespace qcow2stream::cli
