"""A directory in memory."""


class Remembered(dict):
    def put(self, name, entries):
        self[name] = entries
