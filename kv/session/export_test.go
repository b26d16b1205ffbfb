package session

var NewID = newID
