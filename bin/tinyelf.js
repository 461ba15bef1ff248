#!/usr/bin/env node
require('../dist/tinyelf.cjs');
