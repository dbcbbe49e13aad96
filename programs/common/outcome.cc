// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/outcome.h"

#include <fmt/format.h>

#include <cerrno>
#include <new>
#include <system_error>

#include "base/errors.h"
#include "common/destination.h"
#include "common/usage_error.h"

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
    case ErrorKind::kDamaged:
      return kExitChanged;
  }
  return kExitFailed;
}

}  // namespace

Outcome outcome_of(const Additions& additions, const std::function<void()>& run) {
  const auto failed = [&](std::string_view what) {
    return Outcome{
        .status = kExitFailed,
        .message = fmt::format("{}: {}{}", additions.subject, what, additions.note(false))};
  };
  try {
    run();
    return {};
  } catch (const UsageError& error) {
    return {.status = kExitUsage, .message = error.what()};
  } catch (const ReceiverFailed& error) {
    return {.status = error.status(), .message = error.what()};
  } catch (const Error& error) {
    const bool discard = error.kind() == ErrorKind::kChanged || error.kind() == ErrorKind::kDamaged;
    return {
        .status = status_of(error.kind()),
        .message = error.what() + additions.advice(error) + additions.note(discard),
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
