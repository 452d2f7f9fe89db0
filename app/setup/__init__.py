"""Setting up: the web environment, the browser libraries, the runtime environments and the doctor; standard library
only.
"""
