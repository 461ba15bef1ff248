#!/usr/bin/env node
require('../dist/ld.tinyelf.cjs');
