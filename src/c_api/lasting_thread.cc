// SPDX-License-Identifier: GPL-2.0-or-later

#include "c_api/lasting_thread.h"

#include <exception>

namespace qcow2stream::c_api {

LastingThread::LastingThread(const std::function<void()>& work) {
  std::future<void> done = done_.get_future();
  thread_ = std::thread([this, &work, last = end_.get_future()] {
    try {
      work();
      done_.set_value();
    } catch (...) {
      done_.set_exception(std::current_exception());
    }
    last.wait();
  });
  try {
    done.get();
  } catch (...) {
    end();
    throw;
  }
}

LastingThread::~LastingThread() {
  end();
}

void LastingThread::end() {
  end_.set_value();
  thread_.join();
}

}  // namespace qcow2stream::c_api
